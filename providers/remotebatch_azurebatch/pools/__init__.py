"""Pools: what they are, whether they can run a job, and the template that makes one."""
