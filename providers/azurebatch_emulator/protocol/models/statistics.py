"""What pools, jobs, schedules and tasks have used."""

from msgspec import field

from azurebatch_emulator.protocol.models.common import Model


class _Usage(Model):
    url: str
    start_time: str
    last_update_time: str
    user_cpu_time: str = field(name="userCPUTime")
    kernel_cpu_time: str = field(name="kernelCPUTime")
    wall_clock_time: str
    read_iops: int = field(name="readIOps")
    write_iops: int = field(name="writeIOps")
    read_io_gib: float = field(name="readIOGiB")
    write_io_gib: float = field(name="writeIOGiB")
    wait_time: str


class TaskStatistics(_Usage):
    """What a task has used."""


class JobStatistics(_Usage):
    """What the tasks of a job have used."""

    num_succeeded_tasks: int
    num_failed_tasks: int
    num_task_retries: int


class JobScheduleStatistics(JobStatistics):
    """What the jobs of a schedule have used."""


class PoolUsageStatistics(Model):
    """How long a pool's cores were held."""

    start_time: str
    last_update_time: str
    dedicated_core_time: str


class PoolResourceStatistics(Model):
    """How busy a pool's nodes were."""

    start_time: str
    last_update_time: str
    avg_cpu_percentage: float = field(name="avgCPUPercentage")
    avg_memory_gib: float = field(name="avgMemoryGiB")
    peak_memory_gib: float = field(name="peakMemoryGiB")
    avg_disk_gib: float = field(name="avgDiskGiB")
    peak_disk_gib: float = field(name="peakDiskGiB")
    disk_read_iops: int = field(name="diskReadIOps")
    disk_write_iops: int = field(name="diskWriteIOps")
    disk_read_gib: float = field(name="diskReadGiB")
    disk_write_gib: float = field(name="diskWriteGiB")
    network_read_gib: float = field(name="networkReadGiB")
    network_write_gib: float = field(name="networkWriteGiB")


class PoolStatistics(Model):
    """What a pool has used."""

    url: str
    start_time: str
    last_update_time: str
    usage_stats: PoolUsageStatistics | None = None
    resource_stats: PoolResourceStatistics | None = None


class PoolUsageMetrics(Model):
    """What a pool used in one interval of accounting."""

    pool_id: str
    start_time: str
    end_time: str
    vm_size: str
    total_core_hours: float
