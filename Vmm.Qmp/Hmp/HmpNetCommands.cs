using Vmm.Core.Configuration.Netdevs;
using Vmm.Qmp.Commands;
using Vmm.Qmp.Schema;

namespace Vmm.Qmp.Hmp;

/// <summary>The commands about the network.</summary>
internal static class HmpNetCommands
{
    private const string State = "on|off";
    private static readonly string Options = $"[{string.Join('|', NetdevOptions.Kinds)}],id=str[,prop=value][,...]";

    internal static IEnumerable<HmpCommand> Commands(CommandHandlers handlers, Func<string, NetdevOptions> readNetdev) =>
    [
        new("netdev_add", "add host network device", async hmp =>
        {
            string text = hmp[Options]!;
            if (text is "help" or "?")
            {
                hmp.Line("Available netdev backend types:");
                foreach (string kind in NetdevOptions.Kinds)
                {
                    hmp.Line(kind);
                }

                return;
            }

            await handlers.Net.NetdevAdd(hmp.Context, NetdevBackends.ToQapi(readNetdev(text)));
        })
        {
            Parameters = [HmpParameter.Text(Options)],
        },
        new("netdev_del", "remove host network device", hmp => handlers.Net.NetdevDel(hmp.Context, hmp["id"]!))
        {
            Parameters = [HmpParameter.Text("id")],
        },
        new("set_link", "change the link status of a network adapter", hmp => handlers.Net.SetLink(hmp.Context, hmp["name"]!, hmp[State] == "on"))
        {
            Parameters = [HmpParameter.Text("name"), HmpParameter.OnOff(State)],
        },
    ];

    internal static IEnumerable<HmpCommand> Information(Func<IEnumerable<string>> network) =>
    [
        new("network", "show the network state", hmp =>
        {
            foreach (string line in network())
            {
                hmp.Line(line);
            }

            return ValueTask.CompletedTask;
        }),
    ];
}
