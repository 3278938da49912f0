// The file that shows management which process has the guest.
//
// It is locked with an open-file-description lock, which belongs to the open file and so crosses with its descriptor in a
// live update: neither process locks or unlocks in a handover. The successor writes its own id over the predecessor's.
//
// It crosses only if it is the file that the successor's own path leads to; otherwise each keeps its own. A name is removed at the end only
// while it is that of the very file that this process holds and has locked: another process may have put its own there.

using System.Text;
using Microsoft.Extensions.Logging;
using Microsoft.Win32.SafeHandles;
using Vmm.Core.Descriptors;
using Vmm.Core.Loop;
using Vmm.Core.Native;

namespace Vmm.Hosting;

/// <summary>The file of -pidfile.</summary>
/// <param name="path">Its path.</param>
/// <param name="log">Where it is reported that it cannot be removed.</param>
internal sealed partial class PidFile(string path, ILogger log) : IDescriptorOwner, IDisposable
{
    private const int MostAttempts = 8;

    private readonly DescriptorSlot _crossing = new("pidfile", WhyUnfit);
    private SafeFileHandle? _file;
    private WaitingFile? _waiting;
    private IDisposable? _removal;

    /// <inheritdoc/>
    public IEnumerable<HandoverDescriptor> HandoverDescriptors => _crossing.Export(_file);

    /// <summary>Creates the file, or takes over one that no process holds any more.</summary>
    /// <exception cref="IOException">It cannot be written, or another process holds it.</exception>
    internal void Create()
    {
        for (int attempt = 0; attempt < MostAttempts; attempt++)
        {
            using var waiting = Open();
            if (TryHold(waiting))
            {
                return;
            }
        }

        throw Error("it is replaced again and again by other processes");
    }

    /// <inheritdoc/>
    public IReadOnlyList<string> Prepare(HandedOverDescriptors handedOver)
    {
        Drop();
        try
        {
            if (!_crossing.Prepare(handedOver, received => WaitingFile.Leads(path, received)))
            {
                _waiting = Open();
            }

            return [];
        }
        catch (IOException e)
        {
            return [e is PosixException or UnfitDescriptorException ? Error(WaitingFile.ReasonOf(e)).Message : e.Message];
        }
    }

    /// <inheritdoc/>
    public void Adopt()
    {
        try
        {
            if (_crossing.Take() is { } received)
            {
                Fill(received);
            }
            else if (_waiting is not null && !TryHold(_waiting))
            {
                throw Error("another file has taken its place");
            }
        }
        finally
        {
            Drop();
        }
    }

    /// <inheritdoc/>
    public void Drop()
    {
        _waiting?.Dispose();
        _waiting = null;
        _crossing.Drop();
    }

    /// <summary>The file is the successor's now.</summary>
    public void Release(Func<string, bool?> wasTaken)
    {
        if (wasTaken(_crossing.Name) != false)
        {
            Close();
        }
    }

    /// <summary>Removes the file, if it is still this process's.</summary>
    public void Dispose()
    {
        Drop();
        if (_file is not null)
        {
            Remove(_file);
            Close();
        }
    }

    private WaitingFile Open()
    {
        WaitingFile? waiting = null;
        try
        {
            waiting = WaitingFile.Open(path, append: false, readable: true);
            return WhyUnfit(waiting.Status) is { } unfit ? throw new IOException(unfit) : waiting;
        }
        catch (IOException e)
        {
            waiting?.Dispose();
            throw Error(WaitingFile.ReasonOf(e), e);
        }
    }

    /// <summary>Locks and fills an open file, unless it lost its name meanwhile: then holding it would mean nothing.</summary>
    private bool TryHold(WaitingFile waiting)
    {
        var file = waiting.Take();
        try
        {
            if (!FileLocks.TryLock(file))
            {
                throw new IOException($"cannot create PID file: '{path}' is held by another process");
            }

            if (!WaitingFile.Leads(path, file))
            {
                file.Dispose();
                return false;
            }
        }
        catch
        {
            file.Dispose();
            throw;
        }

        Fill(file);
        return true;
    }

    private static string? WhyUnfit(SafeFileHandle received) =>
        WhyUnfit(HostFile.Stat(received)) ?? (FileDescriptor.IsWritable(received) ? null : "the old process has not opened it for writing");

    private static string? WhyUnfit(in FileStatus status) => status.IsRegular ? null : $"it is {status.KindName}, a regular file was expected";

    private void Fill(SafeFileHandle file)
    {
        Close();
        _file = file;
        _removal = ForcedEnd.Register(() => Remove(file));
        byte[] text = Encoding.ASCII.GetBytes($"{Environment.ProcessId}\n");
        try
        {
            HostFile.WriteAt(file, text, 0);
            HostFile.Truncate(file, text.Length);
        }
        catch (PosixException e)
        {
            throw Error(e.Reason, e);
        }
    }

    private void Remove(SafeFileHandle file)
    {
        try
        {
            if (HostFile.StatName(path)?.Identity == HostFile.Stat(file).Identity)
            {
                HostFile.RemoveName(path);
            }
        }
        catch (PosixException e)
        {
            LogNotRemoved(log, path, e.Reason);
        }
    }

    private void Close()
    {
        _removal?.Dispose();
        _file?.Dispose();
        _file = null;
    }

    private IOException Error(string reason, Exception? cause = null) => new($"cannot create PID file: '{path}': {reason}", cause);

    [LoggerMessage(Level = LogLevel.Warning, Message = "PID file '{Path}' is left behind: {Reason}")]
    private static partial void LogNotRemoved(ILogger log, string path, string reason);
}
