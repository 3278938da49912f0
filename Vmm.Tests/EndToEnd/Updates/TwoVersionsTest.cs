using Vmm.Lab.Drivers;

namespace Vmm.Tests.EndToEnd.Updates;

/// <summary>
/// A test whose line of processes is of two versions: today's program, and the one of the commit that the file predecessor names. Where that
/// program was not built the tests are skipped, and say so; ./test builds it.
/// </summary>
public abstract class TwoVersionsTest : UpdateTest
{
    [SetUp]
    public void RequirePredecessor() => ProgramFixture.Require("TESTS OF TWO VERSIONS", ProgramFixture.Predecessor);

    /// <summary>Boots a guest in a process of the version before.</summary>
    internal Task<Generation> BootInPredecessorAsync(string guest, params string[] more) =>
        OfPredecessorAsync(() => BootAsync(guest, more));

    /// <summary>Starts a successor of the version before, with the same arguments, and waits until it listens.</summary>
    internal Task<Generation> AwaitGuestInPredecessorAsync(UpdateRoute route, UpdateForm form = UpdateForm.CprUri, bool deferred = false) =>
        OfPredecessorAsync(() => AwaitGuestAsync(route, form, deferred));

    /// <summary>The same with other arguments.</summary>
    internal Task<Generation> AwaitGuestInPredecessorAsync(ArgumentList arguments, params string[] update) =>
        OfPredecessorAsync(() => AwaitGuestAsync(arguments, update));

    private async Task<Generation> OfPredecessorAsync(Func<Task<Generation>> start)
    {
        Program = ProgramFixture.Predecessor;
        var generation = await start();
        Program = ProgramFixture.Program;
        Assert.That(new FileInfo($"/proc/{generation.Process.Pid}/exe").LinkTarget, Is.EqualTo(ProgramFixture.Predecessor));
        return generation;
    }
}
