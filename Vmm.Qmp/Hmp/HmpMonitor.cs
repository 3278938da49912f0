using Microsoft.Extensions.Logging;
using Vmm.Core.Loop;
using Vmm.Qmp.Sessions;

namespace Vmm.Qmp.Hmp;

/// <summary>A monitor for people: a prompt.</summary>
/// <param name="name">The name in logs.</param>
/// <param name="source">Where clients come from.</param>
/// <param name="executor">What runs the lines.</param>
/// <param name="machine">The machine loop, where they run.</param>
/// <param name="log">Where failures are reported.</param>
/// <param name="endWatch">Notified of a line that ends the process.</param>
public sealed class HmpMonitor(
    string name, IConnectionSource source, HmpExecutor executor, EventLoop machine, ILogger log, IEndWatch? endWatch = null)
    : Sessions.Monitor(name, source, log)
{
    private protected override ClientSession Open(Connection connection) => new HmpSession(connection, executor, machine, Io, Log, endWatch);
}
