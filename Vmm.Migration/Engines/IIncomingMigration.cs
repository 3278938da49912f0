using Vmm.Migration.Channels;
using Vmm.Migration.Settings;

namespace Vmm.Migration.Engines;

/// <summary>A process's wait for a guest: it listens, serves each client that connects, and ends when the guest is here. Machine loop only.</summary>
internal interface IIncomingMigration : IDisposable
{
    /// <summary>Where the main channel is listened on; null before that, and when it is over.</summary>
    ChannelAddress? ListeningAddress { get; }

    /// <summary>Opens the main channel, where that was left to a command.</summary>
    /// <exception cref="MigrationException">It was opened before, or the guest is here.</exception>
    /// <exception cref="HandoverException">The address cannot be listened on; another one may be tried.</exception>
    void Listen(ChannelAddress main);
}
