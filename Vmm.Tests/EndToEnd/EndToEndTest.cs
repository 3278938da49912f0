using Vmm.Lab.Drivers;
using Vmm.Lab.Hosts;
using Vmm.Tests.EndToEnd.Driving;

namespace Vmm.Tests.EndToEnd;

/// <summary>
/// One test's world: a folder of its own, in which every process is started, and everything that it opened, ended in reverse order.
/// Relative paths in arguments are relative to the folder.
/// </summary>
public abstract class EndToEndTest
{
    private readonly List<IAsyncDisposable> _opened = [];

    /// <summary>The test's folder.</summary>
    protected string Folder { get; private set; } = "";

    /// <summary>This machine.</summary>
    protected static IHost Host => ProgramFixture.Host;

    [SetUp]
    public async Task MakeFolder() => Folder = await Host.MakeFolderAsync();

    [TearDown]
    public async Task EndAll()
    {
        for (int i = _opened.Count - 1; i >= 0; i--)
        {
            await _opened[i].DisposeAsync();
        }

        Directory.Delete(Folder, recursive: true);
    }

    /// <summary>A path in the test's folder.</summary>
    protected string InFolder(string name) => Path.Combine(Folder, name);

    /// <summary>Starts the program.</summary>
    protected Task<VmmProcess> StartAsync(ArgumentList arguments) => StartAsync([ProgramFixture.Program], arguments);

    /// <summary>Starts the program by a command line that ends with it.</summary>
    protected async Task<VmmProcess> StartAsync(string[] command, ArgumentList arguments) =>
        Keep(await VmmProcess.StartAsync(Host, command[0], [.. command[1..], .. arguments], Folder));

    /// <summary>Runs the program to its end; for command lines that start no guest.</summary>
    protected async Task<CommandResult> RunAsync(params IEnumerable<string> arguments) =>
        await Host.TryRunAsync($"cd {Shell.Quote(Folder)} && exec timeout 60 {Shell.Quote([ProgramFixture.Program, .. arguments])}");

    /// <summary>Opens a negotiated QMP session.</summary>
    protected async Task<QmpClient> OpenQmpAsync(VmmProcess process, string path = TinyMachine.Qmp) =>
        Keep(await process.OpenQmpAsync(path));

    /// <summary>Connects to a monitor's socket as a client that sees the very bytes.</summary>
    private protected async Task<WireClient> ConnectAsync(VmmProcess process, string path = TinyMachine.Qmp) =>
        Keep(new WireClient(await process.ConnectAsync(path)));

    /// <summary>Opens a human monitor on a socket.</summary>
    protected async Task<HmpClient> OpenHmpAsync(VmmProcess process, string path)
    {
        var stream = Keep(await process.ConnectAsync(path));
        return await HmpClient.OpenAsync(stream, stream, TinyMachine.Prompt);
    }

    /// <summary>Ends something after the test.</summary>
    protected T Keep<T>(T opened)
        where T : IAsyncDisposable
    {
        _opened.Add(opened);
        return opened;
    }
}
