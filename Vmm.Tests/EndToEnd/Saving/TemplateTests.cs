using Vmm.Lab.Drivers;
using Vmm.Tests.EndToEnd.Driving;
using Vmm.Tests.EndToEnd.Updates;

namespace Vmm.Tests.EndToEnd.Saving;

/// <summary>A guest's memory stays in its file, and clones of the guest begin from there, as sandbox runners make them from a template.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class TemplateTests : UpdateTest
{
    private const string IgnoreShared = """{"capabilities": [{"capability": "x-ignore-shared", "state": true}]}""";

    [Test]
    public async Task Clones_begin_where_the_template_was_saved()
    {
        var template = await BootAsync(Machine("on"));
        var ram = Keep(GuestRam.OfFile(InFolder("memory")));
        await ram.WaitForProgressAsync();
        await template.Qmp.ExecuteAsync("stop");
        ulong count = ram.Count;
        string contents = ram.Digest();
        await template.Qmp.ExecuteAsync("migrate-set-capabilities", IgnoreShared);
        await SaveAsync(template, "file:saved");
        Assert.That(new FileInfo(InFolder("saved")).Length, Is.LessThan(500_000), "the devices' state alone");
        await QuitAsync(template);

        await CloneAsync();
        await CloneAsync();
        Assert.That((ram.Count, ram.Digest()), Is.EqualTo((count, contents)), "each has what it changes for itself");
        var goesOn = await RestoredAsync("on");
        await goesOn.Qmp.ExecuteAsync("cont");
        await ram.WaitPastAsync(count);
    }

    private async Task CloneAsync()
    {
        var clone = await RestoredAsync("off");
        await clone.Qmp.ExecuteAsync("cont");
        Assert.That(await clone.StatusAsync(), Is.EqualTo("running"));
        await QuitAsync(clone);
    }

    private async Task<Generation> RestoredAsync(string share)
    {
        var clone = await AwaitGuestAsync(Machine(share), "-incoming", "defer");
        await clone.Qmp.ExecuteAsync("migrate-set-capabilities", IgnoreShared);
        await clone.Qmp.ExecuteAsync("migrate-incoming", """{"uri": "file:saved"}""");
        await clone.ExpectAsync("completed");
        return clone;
    }

    private static ArgumentList Machine(string share) => new()
    {
        { "-machine", "microvm,memory-backend=ram0" },
        { "-m", "16M" },
        { "-object", $"memory-backend-file,id=ram0,size=16M,mem-path=memory,share={share}" },
        "-nodefaults",
        { "-display", "none" },
        { "-kernel", ProgramFixture.Host.TinyGuest("counter") },
    };
}
