using Vmm.Lab.Drivers;
using Vmm.Lab.Hosts;

namespace Vmm.Tests.Lab;

/// <summary>The demo as it runs on a host that makes no tap.</summary>
[NonParallelizable]
public sealed class PasstDemoTests
{
    [Test]
    [Category(SoakAttribute.Name)]
    public async Task Its_download_goes_on_through_both_updates()
    {
        await using var host = new LocalHost();
        string program = Path.Combine(AppContext.BaseDirectory, "Vmm.Lab.dll");

        await using var demo = await host.StartAsync($"exec dotnet {Shell.Quote(program)} demo --passt");
        await using var output = new ConsoleReader(demo.Output);
        int status = await demo.Exited.WaitAsync(4 * Timeouts.Boot);
        await output.Closed;

        string said = string.Join('\n', output.Lines);
        await TestContext.Out.WriteLineAsync(said);
        Assert.That(status, Is.Zero, said);
        Assert.That(said, Does.Contain("a client downloads from the guest's web server, by passt").And.Contain("the guest never noticed"));
    }
}
