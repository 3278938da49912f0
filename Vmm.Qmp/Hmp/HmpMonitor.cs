using Microsoft.Extensions.Logging;
using Vmm.Core.Loop;
using Vmm.Core.State;
using Vmm.Qmp.Sessions;

namespace Vmm.Qmp.Hmp;

/// <summary>A monitor for people: a prompt.</summary>
/// <param name="name">The name in logs.</param>
/// <param name="source">Where clients come from.</param>
/// <param name="executor">What runs the lines.</param>
/// <param name="machine">The machine loop, where they run.</param>
/// <param name="log">Where failures are reported.</param>
/// <param name="endWatch">Notified of a line that ends the process.</param>
/// <param name="hold">Holds the commands of all monitors of the process while the program is replaced.</param>
public sealed class HmpMonitor(
    string name, IConnectionSource source, HmpExecutor executor, EventLoop machine, ILogger log, IEndWatch? endWatch = null, CommandHold? hold = null)
    : Sessions.Monitor(name, source, log)
{
    private readonly CommandHold _hold = hold ?? new CommandHold(machine);

    internal override byte Language => 2;

    internal override SessionRecord Read(StateReader record) => new HmpSessionRecord(record);

    private protected override ClientSession Open(Connection connection) => new HmpSession(connection, executor, machine, Io, Log, endWatch, _hold);
}
