using System.Runtime.InteropServices;

namespace Vmm.Migration.Channels;

/// <summary>The numbers of some handles, which stay open at least until disposed.</summary>
internal sealed class BorrowedDescriptors : IDisposable
{
    private readonly IReadOnlyList<SafeHandle> _handles;
    private int _held;

    internal BorrowedDescriptors(IReadOnlyList<SafeHandle> handles)
    {
        _handles = handles;
        Numbers = new int[handles.Count];
        try
        {
            foreach (var handle in handles)
            {
                bool held = false;
                handle.DangerousAddRef(ref held);
                Numbers[_held++] = (int)handle.DangerousGetHandle();
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>The descriptors' numbers in this process.</summary>
    internal int[] Numbers { get; }

    /// <inheritdoc/>
    public void Dispose()
    {
        while (_held > 0)
        {
            _handles[--_held].DangerousRelease();
        }
    }
}
