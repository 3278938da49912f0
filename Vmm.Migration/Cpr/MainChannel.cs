// The main channel of an update, until there is something to send on it: a path or a port is connected to when the new process listens; a
// connection that a client made itself is taken with the command, because the name that it was sent under can be used only once.

using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using Vmm.Core.Loop;
using Vmm.Core.Native;
using Vmm.Migration.Channels;
using Vmm.Migration.Settings;

namespace Vmm.Migration.Cpr;

/// <summary>A main channel that is opened when it is time. Machine loop only.</summary>
internal sealed class MainChannel : IDisposable
{
    private readonly ChannelAddress _address;
    private readonly SafeFileHandle? _descriptor;

    private MainChannel(ChannelAddress address, SafeFileHandle? descriptor)
    {
        _address = address;
        _descriptor = descriptor;
    }

    /// <summary>The main channel to an address that <see cref="CprTarget.RefuseMain"/> does not refuse.</summary>
    /// <param name="address">The address.</param>
    /// <param name="takeDescriptor">Hands out the descriptor that was sent under a name.</param>
    /// <exception cref="MigrationException">There is no such descriptor, or it is no connection.</exception>
    internal static MainChannel To(ChannelAddress address, Func<string, SafeHandle?>? takeDescriptor)
    {
        if (address is not DescriptorAddress descriptor)
        {
            return new MainChannel(address, null);
        }

        using var named = takeDescriptor?.Invoke(descriptor.NameOrNumber);
        CprTarget.RefuseDescriptor(descriptor, named);
        var socket = FileDescriptor.Duplicate(named);
        FileDescriptor.MakePrivate(socket);
        return new MainChannel(address, socket);
    }

    /// <summary>Opens it; what is returned belongs to the caller.</summary>
    /// <param name="loop">The machine loop.</param>
    /// <param name="timeout">Milliseconds for the other side to accept.</param>
    /// <param name="cancelled">Ends the wait for that.</param>
    internal ValueTask<LoopSocket> OpenAsync(EventLoop loop, uint timeout, CancellationToken cancelled) => _address switch
    {
        InetAddress inet => Connecting.ToInetAsync(
            loop, inet, Deadline.In(timeout, inet.ToString(), "did not accept the main channel"), cancelled),
        UnixAddress unix => new(new LoopSocket(loop, Connecting.ToUnix(unix.Path))),
        _ => new(new LoopSocket(loop, _descriptor!)),
    };

    /// <summary>Closes a descriptor; one that was opened is closed already.</summary>
    public void Dispose() => _descriptor?.Dispose();
}
