using Vmm.Lab.Hosts;
using Vmm.Tests.EndToEnd.Driving;

namespace Vmm.Tests.EndToEnd.Updates;

/// <summary>The two processes of an update must be of one user, or the other one of root: whichever sees a stranger refuses, and says both numbers.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class ForeignPeerTests : UpdateTest
{
    private const uint Root = 0;
    private const uint Alice = 61001;
    private const uint Bob = 61002;

    private readonly UpdateRoute _route = new("foreign");
    private string _program = "";
    private string _guest = "";

    [SetUp]
    public async Task Publish()
    {
        OtherUser.RequireRoot();
        _program = await OtherUser.PublishAsync(Host, Folder, ProgramFixture.Program);
        _guest = await OtherUser.PublishAsync(Host, Folder, Host.TinyGuest("counter"));
    }

    [Test]
    [Promise(18)]
    public async Task The_old_process_refuses_a_new_one_of_another_user()
    {
        var old = await BootAsAsync(Alice);
        await AwaitGuestAsAsync(Bob);

        await _route.AskAsync(old.Qmp);

        Assert.That(await old.ExpectFailureAsync(), Does.Match($"^process [0-9]+ runs as user {Bob}, user {Alice} or root \\(0\\) was expected$"));
        await ExpectUndisturbedAsync(old);
    }

    [Test]
    [Promise(18)]
    public async Task The_new_process_refuses_an_old_one_of_another_user()
    {
        var old = await BootAsAsync(Alice);
        var successor = await AwaitGuestAsAsync(Root);

        await _route.AskAsync(old.Qmp);

        Assert.That(
            await old.ExpectFailureAsync(),
            Does.Match($"process [0-9]+ refused the guest: process {old.Process.Pid} runs as user {Alice}, user {Root} or root \\(0\\) was expected$"));
        Assert.That(await successor.StatusAsync(), Is.EqualTo("inmigrate"), "a stranger does not end the wait");
        await ExpectUndisturbedAsync(old);
    }

    /// <summary>In new's namespace no user is mapped, itself included: to it every user is 65534.</summary>
    [Test]
    [Promise(18)]
    public async Task A_user_whom_the_user_namespace_does_not_map_is_not_taken_for_oneself()
    {
        var old = await BootAsAsync(Alice);
        var successor = await AwaitGuestByAsync(["unshare", "--user", "--", "setpriv", "--pdeathsig", "KILL", "--", _program]);

        await _route.AskAsync(old.Qmp);

        Assert.That(
            await old.ExpectFailureAsync(),
            Does.EndWith(
                $"refused the guest: process {old.Process.Pid} shows as user 65534, which stands for every user whom this process's user namespace does not map: "
                + "who it is cannot be known; map its user into the namespace"));
        Assert.That(await successor.StatusAsync(), Is.EqualTo("inmigrate"));
        await ExpectUndisturbedAsync(old);
    }

    [Test]
    public async Task Two_processes_of_one_user_who_is_not_root_do_it()
    {
        var old = await BootAsAsync(Alice);
        var successor = await AwaitGuestAsAsync(Alice);

        await _route.AskAsync(old.Qmp);

        await ExpectHandoverAsync(old, successor);
    }

    [Test]
    public async Task The_guest_of_root_goes_to_no_other_user_but_any_guest_comes_from_root()
    {
        var old = await BootAsAsync(Root);
        var stranger = await AwaitGuestAsAsync(Alice);
        await _route.AskAsync(old.Qmp);
        Assert.That(await old.ExpectFailureAsync(), Does.EndWith($"runs as user {Alice}, user {Root} or root (0) was expected"));
        await QuitAsync(stranger);

        var successor = await AwaitGuestAsAsync(Root);
        await _route.AskAsync(old.Qmp);

        await ExpectHandoverAsync(old, successor);
    }

    private async Task<Generation> BootAsAsync(uint user) =>
        await StartGenerationAsync(await OtherUser.RunningAsync(Host, user, _program), TinyMachine.Headless(_guest), []);

    /// <summary>Starts a successor whose sockets every user may connect to: who is let in is not for the file's mode to say here.</summary>
    private async Task<Generation> AwaitGuestAsAsync(uint user) => await AwaitGuestByAsync(await OtherUser.RunningAsync(Host, user, _program));

    private async Task<Generation> AwaitGuestByAsync(string[] command)
    {
        var successor = await StartGenerationAsync(command, TinyMachine.Headless(_guest), _route.Listening());
        foreach (string path in (string[])[_route.Cpr, _route.Main])
        {
            await new GrowingFile(InFolder(path)).WaitUntilThereAsync();
            await Host.RunAsync($"chmod 0777 {Shell.Quote(InFolder(path))}");
        }

        return successor;
    }

    private static async Task ExpectUndisturbedAsync(Generation old)
    {
        Assert.That(await old.StatusAsync(), Is.EqualTo("running"));
        Assert.That(old.Events, Has.None.EqualTo("STOP"), "the guest was never paused");
    }
}
