using System.Runtime.InteropServices;
using Vmm.Migration.Channels;
using Vmm.Migration.Settings;

namespace Vmm.Migration.Engines;

/// <summary>A process's wait for a guest: it listens, serves each client that connects, and ends when the guest is here. Machine loop only.</summary>
internal interface IIncomingMigration : IDisposable
{
    /// <summary>Where the main channel is listened on; null before that, and when it is over.</summary>
    ChannelAddress? ListeningAddress { get; }

    /// <summary>Opens the main channel, where that was left to a command.</summary>
    /// <param name="main">Where it is.</param>
    /// <param name="takeDescriptor">Hands out a descriptor that a client sent under a name; null where no client can.</param>
    /// <exception cref="MigrationException">It was opened before, or the guest is here.</exception>
    /// <exception cref="HandoverException">The address cannot be listened on, or opened; another one may be tried.</exception>
    void Listen(ChannelAddress main, Func<string, SafeHandle?>? takeDescriptor = null);

    /// <summary>Gives up what is being received, where this process waits for another one then; without effect otherwise.</summary>
    void Cancel();
}
