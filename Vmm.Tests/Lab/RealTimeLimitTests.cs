using System.Text.Json.Nodes;
using Vmm.Lab.Drivers;
using Vmm.Lab.Hosts;

namespace Vmm.Tests.Lab;

/// <summary>
/// The pause's real-time priority where nothing but RLIMIT_RTPRIO allows it: a user without privileges. Raising that limit takes a privilege that
/// containers rarely have, so it is tried in the lab.
/// </summary>
[Parallelizable(ParallelScope.All)]
public sealed class RealTimeLimitTests
{
    [TestCase(1, "1 0\n1 0\n")]
    [TestCase(0, "0 0\n0 0\n")]
    public async Task A_pause_has_the_priority_that_the_limit_allows_and_ends_it(int limit, string priorities)
    {
        var host = HostFixture.Host;
        if (host is not LabHost)
        {
            Assert.Ignore("RLIMIT_RTPRIO is raised in the lab only");
        }

        string folder = await host.MakeFolderAsync();
        await host.RunAsync($"chmod a+rX / && chmod -R a+rX /bin /guests /lib* && chmod 777 {folder} && chmod 666 /dev/kvm");
        await using var old = await StartAsync(host, folder, limit, "old.qmp");
        await using var next = await StartAsync(host, folder, limit, "new.qmp", "-incoming", "unix:main", "-cpr-uri", "unix:cpr");
        await using var qmp = await old.OpenQmpAsync("old.qmp");
        await using var successor = await next.OpenQmpAsync("new.qmp");
        await qmp.ExecuteAsync("migrate-set-capabilities", """{"capabilities": [{"capability": "events", "state": true}]}""");
        await qmp.ExecuteAsync("migrate-set-parameters", """{"mode": "cpr-transfer", "cpr-uri": "unix:cpr"}""");
        await using var watch = await host.StartAsync($"exec policies {old.Pid} {next.Pid}");
        await using var watched = new ConsoleReader(watch.Output);
        await watched.WaitForLineAsync(line => line.Contains("looks", StringComparison.Ordinal), Timeouts.Answer);

        await qmp.ExecuteAsync("migrate", new JsonObject { ["uri"] = "unix:main" });

        Assert.That(await qmp.WaitForMigrationAsync("completed", "failed"), Is.EqualTo("completed"), old.Errors + next.Errors);
        await successor.WaitForEventAsync("RESUME");
        await WaitForRunningAsync(successor);
        await watch.Input.DisposeAsync();
        Assert.That(await watch.Exited.WaitAsync(Timeouts.Answer), Is.Zero);
        string seen = System.Text.Encoding.UTF8.GetString(watched.Bytes);
        Assert.That(seen.ReplaceLineEndings("\n"), Is.EqualTo($"looks\n{priorities}"));
        await host.RunAsync($"rm -r {folder}");
    }

    private static Task<VmmProcess> StartAsync(IHost host, string folder, int limit, string monitor, params string[] more) => VmmProcess.StartAsync(
        host,
        "limited",
        [
            limit.ToString(System.Globalization.CultureInfo.InvariantCulture), host.VmmPath, "-machine", "microvm,aux-ram-share=on", "-m", "16M",
            "-nodefaults", "-display", "none", "-kernel", host.TinyGuest("counter"), "-qmp", $"unix:{monitor},server=on,wait=off", .. more,
        ],
        folder);

    private static async Task WaitForRunningAsync(QmpClient qmp)
    {
        using var deadline = new CancellationTokenSource(Timeouts.Answer);
        while ((await qmp.ExecuteAsync("query-status", cancellation: deadline.Token)).GetProperty("status").GetString() != "running")
        {
            await Task.Delay(TimeSpan.FromMilliseconds(20), deadline.Token);
        }
    }
}
