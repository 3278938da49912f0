using System.Buffers;
using System.Text;
using Vmm.CommandLine;
using Vmm.Qmp;
using Vmm.Qmp.Commands;
using Vmm.Qmp.Hmp;
using Vmm.Qmp.Schema;
using Vmm.Tests.Unit.Machines;

namespace Vmm.Tests.Unit.Qmp;

/// <summary>Commands of a machine's monitors, without a monitor.</summary>
internal static class HostCommands
{
    /// <summary>Gives a command.</summary>
    /// <returns>The answer's JSON, or the error's text.</returns>
    internal static string Try(this MachineHost host, CommandHandlers handlers, string command, string arguments) => host.DoAsync(async () =>
    {
        var result = new ArrayBufferWriter<byte>();
        try
        {
            await QapiCommands.All[command].InvokeAsync(handlers, null!, Encoding.UTF8.GetBytes(arguments), result);
            return Encoding.UTF8.GetString(result.WrittenSpan);
        }
        catch (QmpException e)
        {
            return e.Description;
        }
    }).GetAwaiter().GetResult();

    /// <summary>Gives a line to the human monitor.</summary>
    /// <returns>What it answers.</returns>
    internal static Task<string> HumanAsync(this MachineHost host, CommandHandlers handlers, string line) =>
        host.DoAsync(() => new HmpExecutor(handlers, () => Task.CompletedTask, () => [], ChardevOption.Read, NetdevOption.Read, () => NetCommands.Lines(host.Machine.Netdevs)).ExecuteAsync(line, null!));
}
