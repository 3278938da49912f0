using System.Globalization;
using System.Text.RegularExpressions;
using Vmm.Lab.Drivers;
using Vmm.Lab.Hosts;
using Vmm.Tests.EndToEnd.Driving;

namespace Vmm.Tests.Lab;

/// <summary>./demo --keep as a user has it: a terminal with the guest's console, and the lines that update the guest by hand.</summary>
[NonParallelizable]
public sealed partial class KeptDemoTests
{
    private static readonly TimeSpan UntilKept = TimeSpan.FromMinutes(8);

    private readonly LocalHost _host = new();
    private string _folder = "";

    [SetUp]
    public async Task MakeFolder() => _folder = await _host.MakeFolderAsync();

    [TearDown]
    public void RemoveFolder() => Directory.Delete(_folder, recursive: true);

    [Test]
    [Category(SoakAttribute.Name)]
    public async Task The_guest_ticks_on_the_terminal_before_and_after_an_update_by_the_printed_lines()
    {
        await using var terminal = new Terminal();
        await using var demo = await StartAsync(terminal);
        await using var errors = new ConsoleReader(demo.Errors);
        await terminal.ReadToAsync("paste these lines into the shell:", UntilKept);
        string[] lines = [.. (await terminal.ReadToAsync("==")).Split('\n').Select(line => line.Trim()).Where(line => line.Length > 0 && line != "==")];
        long before = await TickAsync(terminal);

        terminal.Press("\u0001c");
        await terminal.ReadToAsync("Ctrl-A c goes back");
        foreach (string line in lines)
        {
            terminal.Press($"{line}\n");
        }

        await terminal.ReadToAsync("\"completed\"", Timeouts.Boot);
        await terminal.ReadToAsync("\"running\"");
        terminal.Press("\u0001c");
        await terminal.ReadToAsync("[the guest's console]");
        await TickAsync(terminal);
        Assert.That(await TickAsync(terminal), Is.GreaterThan(before), "the same guest still counts");
        terminal.Press("echo typed-$((6*7))\n");
        await terminal.ReadToAsync("out typed-42");

        Assert.That(terminal.IsCooked, Is.False, "every key is the guest's");
        terminal.Press("\u0001x");
        Assert.That(await demo.Exited.WaitAsync(Timeouts.Boot), Is.Zero, () => string.Join('\n', errors.Lines.Select(line => line.Text)));
        Assert.That(terminal.IsCooked, Is.True, "the terminal is as it was");
        Assert.That(Directory.GetFileSystemEntries(_folder), Is.Empty, "files of the demo");
    }

    [Test]
    public async Task Without_a_terminal_it_says_what_it_needs()
    {
        var result = await _host.TryRunAsync($"dotnet {Shell.Quote(Program)} demo --keep");

        Assert.That(result.Status, Is.EqualTo(1));
        Assert.That(result.Output + result.Errors, Does.Contain("--keep needs a terminal"));
    }

    private static string Program => Path.Combine(AppContext.BaseDirectory, "Vmm.Lab.dll");

    private Task<IHostProcess> StartAsync(Terminal terminal) => _host.StartAsync(
        $"TMPDIR={Shell.Quote(_folder)} DOTNET_EnableDiagnostics=0 exec env --default-signal=INT,TERM,HUP dotnet {Shell.Quote(Program)} demo --keep "
        + $"<{terminal.SlavePath} >{terminal.SlavePath}");

    /// <summary>Waits for the next whole tick on the terminal.</summary>
    private static async Task<long> TickAsync(Terminal terminal)
    {
        while (true)
        {
            var tick = Tick().Match(await terminal.ReadToAsync("\n"));
            if (tick.Success)
            {
                return long.Parse(tick.Groups[1].ValueSpan, CultureInfo.InvariantCulture);
            }
        }
    }

    [GeneratedRegex(@"\Atick (\d{1,15}) \d{1,15} -?\d{1,15} \d{1,15}\r?\n\z")]
    private static partial Regex Tick();
}
