"""The kernel: the program that evaluates one task, on a node, in its own process or container.

Standard library only, Python 3.9 or newer. It reads what :mod:`remotebatch.packing` packed and writes
what :mod:`remotebatch.jobs.evaluation` unpacks; the formats both sides share are the modules
``envelope``, ``inputs`` and ``exit_codes`` of :mod:`remotebatch_kernel.formats`. ``cloudpickle``, which every
packed function needs to be unpickled, is put beside it when :mod:`remotebatch.packing.kernel_archive` builds
the archive.
"""
