using Microsoft.Win32.SafeHandles;

namespace Vmm.Qmp.Sessions;

/// <summary>The session that is served by a <see cref="Connection"/>. Called on the I/O loop.</summary>
internal interface IConnectionUser
{
    /// <summary>Bytes came, and descriptors with them, which now belong to the user.</summary>
    void Received(ReadOnlySpan<byte> bytes, IReadOnlyList<SafeFileHandle> descriptors);

    /// <summary>No more bytes will come.</summary>
    /// <param name="isDisconnected">Whether the client has closed both directions, so that replies are not read either.</param>
    void Ended(bool isDisconnected);

    /// <summary>What came could not be processed, through no fault of the client's.</summary>
    void Failed(Exception defect);
}
