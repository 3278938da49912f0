namespace Vmm.Core.Native;

/// <summary>What epoll_ctl does to a registration; the kernel's numbers.</summary>
internal enum EpollChange
{
    Add = 1,
    Remove = 2,
    Modify = 3,
}
