using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Win32.SafeHandles;
using Vmm.Core.Descriptors;
using Vmm.Core.Loop;
using Vmm.Core.Native;

namespace Vmm.Core.Chardevs;

/// <summary>Output to a file. The open file crosses a handover with its position, so what the file holds is contiguous.</summary>
/// <param name="label">Its id.</param>
/// <param name="loop">The I/O loop.</param>
/// <param name="path">The file; made if there is none.</param>
/// <param name="append">Whether opening keeps what the file holds; otherwise it is truncated.</param>
/// <param name="logger">Where lost output is reported.</param>
/// <param name="gate">The lock of the back end whose place it will take; null makes one.</param>
public sealed class FileChardev(string label, EventLoop loop, string path, bool append, ILogger? logger = null, Lock? gate = null)
    : StreamChardev(label, loop, logger ?? NullLogger.Instance, gate)
{
    private readonly DescriptorSlot _crossing = new($"chardev/{label}/file", DescriptorKind.Output);
    private bool _lossReported;

    /// <inheritdoc/>
    public override string FileName => "file";

    /// <inheritdoc/>
    private protected override void OpenEnd() => Take(OutputFile.OpenEmpty(path, append));

    /// <inheritdoc/>
    private protected override bool AdoptEnd(HandedOverDescriptors handedOver)
    {
        if (_crossing.Claim(handedOver) is not { } file)
        {
            return false;
        }

        Take(file);
        return true;
    }

    /// <inheritdoc/>
    private protected override IReadOnlyList<HandoverDescriptor> ExportEnd()
    {
        lock (Gate)
        {
            return _crossing.Export(Output?.Handle);
        }
    }

    /// <summary>A full disk loses output now and may have room later, so the file stays open.</summary>
    private protected override void OutputFailed(PosixException error)
    {
        if (!_lossReported)
        {
            _lossReported = true;
            ChardevLog.OutputLost(Logger, Label, error.Reason);
        }

        DropQueue();
    }

    private void Take(SafeFileHandle file)
    {
        lock (Gate)
        {
            Output = new ByteEnd(file);
        }
    }
}
