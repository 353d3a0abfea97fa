"""The Dockerfiles of ``remotebatch image build``."""
