// The address space of the program that goes. It is kept over the exec and taken apart when the guest runs again, in the new program or in the one that came
// back, because that takes its time with every page of the guest (AddressSpaceHolder). Without it the pause is longer and nothing else is different, so what
// the host refuses here is logged, and is no failure.

using Microsoft.Extensions.Logging;
using Microsoft.Win32.SafeHandles;
using Vmm.Core.Loop;
using Vmm.Core.Native;

namespace Vmm.Migration.Exec;

/// <summary>Keeps this process's address space over an exec. Machine loop only.</summary>
/// <param name="loop">The machine loop, which runs on the process's first thread.</param>
/// <param name="log">Where a refusal by the host is reported.</param>
internal sealed partial class ExecMemory(EventLoop loop, ILogger log) : IDisposable
{
    /// <summary>The name under which the record has the descriptor of the holder. A program that does not know it closes it, and the holder ends by itself.</summary>
    internal const string DescriptorName = "exec/holder";

    private AddressSpaceHolder? _holder;

    /// <summary>The descriptor of what keeps it; null if nothing does.</summary>
    internal SafeFileHandle? Process => _holder?.Process;

    /// <summary>Begins to keep it.</summary>
    /// <param name="limit">Longer than any pause. After it the address space is unmapped in any case.</param>
    internal void Keep(TimeSpan limit)
    {
        try
        {
            _holder = AddressSpaceHolder.Start(limit);
        }
        catch (PosixException e)
        {
            LogNotKept(log, e.Message);
        }
    }

    /// <summary>This program stays.</summary>
    public void Dispose()
    {
        if (_holder is { } holder)
        {
            _holder = null;
            Release(loop, holder.Process, holder.Dispose);
        }
    }

    /// <summary>Has what the program before has kept taken apart, without waiting for it.</summary>
    /// <param name="loop">The machine loop.</param>
    /// <param name="process">The descriptor of what keeps it, which is closed when that has ended.</param>
    /// <param name="ended">Called when that has ended.</param>
    internal static void Release(EventLoop loop, SafeFileHandle process, Action? ended = null)
    {
        try
        {
            new ChildEnd(process).Await(loop, _ => ended?.Invoke());
        }
        finally
        {
            if (!PidFd.HasEnded(process))
            {
                AddressSpaceHolder.End(process);
            }
        }
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "live update: the pause will last longer, by the time that it takes to unmap the guest's RAM: {Reason}")]
    private static partial void LogNotKept(ILogger log, string reason);
}
