// A file that an operator named and that is written when this process has the guest, opened before.
//
// Opening may take time, or fail; both may happen while the guest runs elsewhere and not when it is here. Until then nothing is changed:
// the file is neither emptied nor locked nor written, and one that had to be made is removed again if it was not needed, unless another process has opened
// it meanwhile: the keeper of an update by exec makes a log that was moved away, and the new program writes it.

using Microsoft.Win32.SafeHandles;
using Vmm.Core.Descriptors;
using Vmm.Core.Native;

namespace Vmm.Hosting;

/// <summary>An open file that waits to be used.</summary>
internal sealed class WaitingFile : IDisposable
{
    private readonly string _path;
    private readonly bool _created;
    private SafeFileHandle? _file;

    private WaitingFile(string path, SafeFileHandle file, bool created)
    {
        _path = path;
        _file = file;
        _created = created;
    }

    /// <summary>Opens it, made if there is none. Never waits for another process.</summary>
    /// <exception cref="IOException">It cannot be opened, or may be another user's.</exception>
    internal static WaitingFile Open(string path, bool append, bool readable)
    {
        var file = OutputFile.Open(path, append, readable, HostFile.OwnerOnly, out bool created);
        return new WaitingFile(path, file, created);
    }

    /// <summary>Why a file cannot be opened, without its name.</summary>
    internal static string ReasonOf(IOException failure) => failure switch
    {
        PosixException refused => refused.Reason,
        UntrustedFileException untrusted => untrusted.Reason,
        UnfitDescriptorException unfit => unfit.Reason,
        _ => failure.Message,
    };

    /// <summary>What it is.</summary>
    internal FileStatus Status => HostFile.Stat(_file!);

    /// <summary>Empties a regular file: a process that boots its guest begins it anew.</summary>
    internal void Empty() => HostFile.Truncate(_file!, 0);

    /// <summary>Takes it, to be owned by the caller.</summary>
    internal SafeFileHandle Take()
    {
        var file = _file!;
        _file = null;
        return file;
    }

    /// <summary>Whether a name leads to an open file, over links or not.</summary>
    internal static bool Leads(string path, SafeFileHandle file) => HostFile.StatPath(path)?.Identity == HostFile.Stat(file).Identity;

    /// <summary>Closes it unused; one that was made for nothing is removed.</summary>
    public void Dispose()
    {
        if (_file is null)
        {
            return;
        }

        try
        {
            if (_created)
            {
                FileLocks.TryWithWriteLease(_file, RemoveName);
            }
        }
        catch (PosixException)
        {
            // Its directory was made read-only meanwhile; an empty file stays, which is taken for no other process's.
        }

        _file.Dispose();
        _file = null;
    }

    private void RemoveName()
    {
        if (HostFile.StatName(_path)?.Identity == Status.Identity)
        {
            HostFile.RemoveName(_path);
        }
    }
}
