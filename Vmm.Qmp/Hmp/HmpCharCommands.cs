using System.Globalization;
using System.Text;
using Vmm.Core.Configuration;
using Vmm.Qmp.Commands;
using Vmm.Qmp.Schema;

namespace Vmm.Qmp.Hmp;

/// <summary>The commands about character back ends.</summary>
internal static class HmpCharCommands
{
    private const char Delete = '\x7f';

    internal static IEnumerable<HmpCommand> Commands(CommandHandlers handlers, Func<string, string?, ChardevConfiguration> readChardev) =>
    [
        new("chardev-add", "add chardev", async hmp =>
        {
            var chardev = readChardev(hmp["args"]!, null);
            await handlers.Char.ChardevAdd(hmp.Context, chardev.Id, ChardevBackends.ToQapi(chardev));
        })
        {
            Parameters = [HmpParameter.Text("args")],
        },
        new("chardev-change", "change chardev", async hmp =>
        {
            string id = hmp["id"]!;
            await handlers.Char.ChardevChange(hmp.Context, id, ChardevBackends.ToQapi(readChardev(hmp["args"]!, id)));
        })
        {
            Parameters = [HmpParameter.Text("id"), HmpParameter.Text("args")],
        },
        new("chardev-remove", "remove chardev", hmp => handlers.Char.ChardevRemove(hmp.Context, hmp["id"]!))
        {
            Parameters = [HmpParameter.Text("id")],
        },
        new("ringbuf_read", "Read from a ring buffer character device", async hmp =>
            hmp.Line(Shown(await handlers.Char.RingbufRead(hmp.Context, hmp["device"]!, Number("size", hmp["size"]!), format: null))))
        {
            Parameters = [HmpParameter.Text("device"), HmpParameter.Text("size")],
        },
        new("ringbuf_write", "Write to a ring buffer character device", hmp =>
            handlers.Char.RingbufWrite(hmp.Context, hmp["device"]!, hmp["data"]!, format: null))
        {
            Parameters = [HmpParameter.Text("device"), HmpParameter.Text("data")],
        },
        new("chardev-send-break", "send a break on chardev", hmp => handlers.Char.ChardevSendBreak(hmp.Context, hmp["id"]!))
        {
            Parameters = [HmpParameter.Text("id")],
        },
    ];

    internal static IEnumerable<HmpCommand> Information(CommandHandlers handlers) =>
    [
        new("chardev", "show the character devices", async hmp =>
        {
            foreach (var chardev in await handlers.Char.QueryChardev(hmp.Context))
            {
                hmp.Line($"{chardev.Label}: filename={chardev.Filename}");
            }
        }),
    ];

    private static long Number(string name, string text) => long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long number)
        ? number
        : throw QmpException.GenericError($"Parameter '{name}' expects a number, not '{text}'");

    /// <summary>Text with what would steer a terminal written out.</summary>
    private static string Shown(string text)
    {
        var shown = new StringBuilder(text.Length);
        foreach (char c in text)
        {
            _ = c == '\\' ? shown.Append("\\\\")
                : (c < ' ' && c is not ('\n' or '\t')) || c == Delete ? shown.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:X4}")
                : shown.Append(c);
        }

        return shown.ToString();
    }
}
