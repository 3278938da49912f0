using System.Text;

namespace Vmm.CommandLine;

/// <summary>What -h prints.</summary>
internal static class CommandLineHelp
{
    private const string Indent = "      ";

    /// <summary>The whole help, ending with a line feed.</summary>
    internal static string Text
    {
        get
        {
            var text = new StringBuilder("usage: vmm -kernel FILE [option...]\n\nOptions begin with one dash or two.\n\n");
            foreach (var option in OptionTable.All)
            {
                var argument = option.Argument?.Replace("\n", $"\n{Indent}", StringComparison.Ordinal);
                text.Append('-').Append(option.Name).Append(argument is null ? "" : " ").Append(argument).Append('\n')
                    .Append(Indent).Append(option.Help.Replace("\n", $"\n{Indent}", StringComparison.Ordinal)).Append('\n');
            }

            return text.Append("""

                DEV is none, null, stdio, pty, file:PATH, unix:PATH[,server=on][,wait=off],
                tcp:HOST:PORT[,server=on][,wait=off], mon:DEV (a monitor beside it, Ctrl-A c) or chardev:ID;
                a monitor takes no null, pty, file, tcp or mon.
                In lists key=value,key=value a comma inside a value is written twice.

                """).ToString();
        }
    }
}
