using Microsoft.Extensions.Logging;
using Vmm.Core.Loop;
using Vmm.Qmp.Wire;

namespace Vmm.Qmp.Sessions;

/// <summary>What all QMP sessions of a machine share.</summary>
/// <param name="machine">The machine loop, where commands run.</param>
/// <param name="commands">The commands by name.</param>
/// <param name="events">The events.</param>
/// <param name="log">Where failures of a client are reported.</param>
public sealed class QmpService(EventLoop machine, IReadOnlyDictionary<string, QmpCommand> commands, EventBroadcaster events, ILogger log)
{
    /// <summary>What the greeting says.</summary>
    public QmpVersion Version { get; init; } = QmpVersion.Current;

    /// <summary>Notified of a request for the end.</summary>
    public IEndWatch? EndWatch { get; init; }

    /// <summary>Holds the commands of all monitors of the process while the program is replaced.</summary>
    public CommandHold Hold { get; init; } = new(machine);

    internal EventLoop Machine => machine;

    internal IReadOnlyDictionary<string, QmpCommand> Commands => commands;

    internal EventBroadcaster Events => events;

    internal ILogger Log => log;
}
