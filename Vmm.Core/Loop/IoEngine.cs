namespace Vmm.Core.Loop;

/// <summary>By what an I/O thread's requests are carried out.</summary>
public enum IoEngine
{
    /// <summary>io_uring, or threads where the host does not grant it.</summary>
    Automatic,

    /// <summary>io_uring.</summary>
    IoUring,

    /// <summary>A fixed number of threads that make the system calls.</summary>
    Threads,
}
