using System.Text.RegularExpressions;
using Vmm.Lab.Drivers;
using Vmm.Lab.Hosts;
using Vmm.Tests.Unit.House;

namespace Vmm.Tests.EndToEnd;

/// <summary>docs/tour.md, pasted into a shell block by block as it stands there.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed partial class TourTests : EndToEndTest
{
    private const string Indent = "    ";

    [Test]
    public async Task The_blocks_work_as_they_are_written()
    {
        Assume.That((await Host.TryRunAsync("type socat")).Status, Is.Zero, "SKIPPED: there is no socat");
        Directory.CreateSymbolicLink(InFolder("out"), Path.Combine(Checkout.Root, "out"));
        await using var shell = await Host.StartAsync($"cd {Shell.Quote(Folder)} && exec bash");
        await using var shown = new ConsoleReader(shell.Output);
        await using var errors = new ConsoleReader(shell.Errors);
        int number = 0;
        foreach (string block in Blocks())
        {
            await WaitForSocketsAsync(block);
            await shell.Input.WriteAsync(System.Text.Encoding.UTF8.GetBytes($"{block}\necho end of {++number}\n"));
            await shown.WaitForLineAsync($"end of {number}");
            await WaitForOutcomeAsync(block);
        }

        await shell.Input.WriteAsync("wait\nexit\n"u8.ToArray());
        await shell.Exited.WaitAsync(Timeouts.Answer);
        string all = string.Join('\n', shown.Lines);
        Assert.Multiple(() =>
        {
            Assert.That(all, Does.Not.Contain("\"error\""));
            Assert.That(Regex.Count(all, "\"status\":\"postmigrate\""), Is.EqualTo(1));
            Assert.That(Regex.Count(all, "\"pause\":"), Is.EqualTo(2), "both report the account of the first update");
            Assert.That(Regex.Count(all, "\"event\":\"SHUTDOWN\""), Is.EqualTo(3));
            Assert.That(errors.Lines, Is.Empty);
            Assert.That(Directory.GetFiles(Folder), Is.Empty, "nothing is left");
        });
    }

    /// <summary>The indented blocks of the tour, without the line that builds, for what it makes is there.</summary>
    private static IEnumerable<string> Blocks()
    {
        string tour = File.ReadAllText(Path.Combine(Checkout.Root, "docs", "tour.md"));
        return Paragraphs().Split(tour)
            .Where(paragraph => paragraph.StartsWith(Indent, StringComparison.Ordinal))
            .Select(block => string.Join('\n', block.Split('\n')
                .Select(line => line.StartsWith(Indent, StringComparison.Ordinal) ? line[Indent.Length..] : line)
                .Where(line => !line.StartsWith("./build", StringComparison.Ordinal))));
    }

    /// <summary>A reader takes a moment from one block to the next; here it is until the sockets are there that the next one speaks to.</summary>
    private async Task WaitForSocketsAsync(string block)
    {
        if (!block.Contains("out/vmm ", StringComparison.Ordinal))
        {
            await UntilAsync(() => Task.FromResult(SocketsOf(block).All(File.Exists)));
        }
    }

    /// <summary>An update takes a moment, and so does an end; a reader would not notice.</summary>
    private async Task WaitForOutcomeAsync(string block)
    {
        if (block.Contains("\"quit\"", StringComparison.Ordinal))
        {
            await UntilAsync(() => Task.FromResult(!SocketsOf(block).Any(File.Exists)));
        }
        else if (block.Contains("\"migrate\"", StringComparison.Ordinal))
        {
            await using var stream = await Host.ConnectAsync(SocketsOf(block).Last());
            await using var qmp = await QmpClient.OpenAsync(stream, negotiate: true);
            await UntilAsync(async () => (await qmp.ExecuteAsync("query-migrate")).GetProperty("status").GetString() == "completed");
        }
    }

    /// <summary>The sockets that a block speaks to or waits for, in the order in which it names them.</summary>
    private IEnumerable<string> SocketsOf(string block) =>
        (block.Contains("$side", StringComparison.Ordinal) ? ["old.qmp", "new.qmp"] : Sockets().Matches(block).Select(match => match.Value)).Select(InFolder);

    private static async Task UntilAsync(Func<Task<bool>> isSo)
    {
        using var deadline = new CancellationTokenSource(Timeouts.Answer);
        while (!await isSo())
        {
            await Task.Delay(5, deadline.Token);
        }
    }

    [GeneratedRegex(@"\n\n(?=\S)|(?<=\S)\n\n(?=    )")]
    private static partial Regex Paragraphs();

    [GeneratedRegex(@"\b(old|new)\.qmp|\b(vm|cpr)\.sock")]
    private static partial Regex Sockets();
}
