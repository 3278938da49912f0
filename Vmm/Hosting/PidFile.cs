// The file that tells management which process has the guest.
//
// It is locked with an open-file-description lock, which belongs to the open file and so crosses with its descriptor in a
// live update: neither process locks or unlocks in a handover. The successor writes its own id over the predecessor's.

using System.Text;
using Microsoft.Win32.SafeHandles;
using Vmm.Core.Loop;
using Vmm.Core.Machines;
using Vmm.Core.Native;

namespace Vmm.Hosting;

/// <summary>The file of -pidfile.</summary>
/// <param name="path">Its path.</param>
internal sealed class PidFile(string path) : IDescriptorCarrier, IDisposable
{
    private const string DescriptorName = "pidfile";

    private SafeFileHandle? _file;
    private IDisposable? _owedRemoval;

    /// <inheritdoc/>
    public IEnumerable<CarriedDescriptor> Carried => _file is null ? [] : [new CarriedDescriptor(DescriptorName, _file)];

    /// <summary>Creates the file, or takes over one that nobody holds any more.</summary>
    /// <exception cref="IOException">It cannot be written, or another process holds it.</exception>
    internal void Create()
    {
        var file = OpenToCreate();
        if (!Posix.TryLock(file))
        {
            file.Dispose();
            throw new IOException($"cannot create PID file: '{path}' is held by another process");
        }

        try
        {
            Fill(file);
        }
        catch (Exception e)
        {
            file.Dispose();
            File.Delete(path);
            throw new IOException($"cannot write PID file: '{path}': {e.Message}", e);
        }
    }

    /// <inheritdoc/>
    public void Adopt(DescriptorBag bag)
    {
        if (bag.Claim(DescriptorName) is { } file)
        {
            Fill(file);
        }
        else
        {
            Create();
        }
    }

    /// <summary>The file is the successor's now.</summary>
    public void Release(Func<string, bool> wasTaken)
    {
        if (wasTaken(DescriptorName))
        {
            Close();
        }
    }

    /// <summary>Removes the file, if it is still this process's.</summary>
    public void Dispose()
    {
        if (_file is not null)
        {
            File.Delete(path);
            Close();
        }
    }

    private SafeFileHandle OpenToCreate()
    {
        try
        {
            return Posix.OpenToCreate(path);
        }
        catch (PosixException e)
        {
            throw new IOException($"cannot create PID file: '{path}': {e.Reason}", e);
        }
    }

    private void Close()
    {
        _owedRemoval?.Dispose();
        _file?.Dispose();
        _file = null;
    }

    private void Fill(SafeFileHandle file)
    {
        byte[] text = Encoding.ASCII.GetBytes($"{Environment.ProcessId}\n");
        RandomAccess.Write(file, text, 0);
        Posix.Truncate(file, text.Length);
        _file = file;
        _owedRemoval = ForcedEnd.Owe(() => File.Delete(path));
    }
}
