using Vmm.Lab.Drivers;

namespace Vmm.Tests.EndToEnd.Updates;

/// <summary>
/// A test whose line of processes is of two versions: today's program, and one of those that the file predecessor names. Where that
/// program was not built the tests are skipped, and say so; ./test builds it.
/// </summary>
/// <param name="predecessor">The earlier program's name in that file.</param>
public abstract class TwoVersionsTest(string predecessor) : UpdateTest
{
    /// <summary>The first version.</summary>
    internal const string First = "vmm-predecessor";

    /// <summary>The last release before today: it has disks, consoles and networks.</summary>
    internal const string Second = "vmm-predecessor-2";

    /// <summary>Whether the earlier program's board is the one before today's.</summary>
    private protected bool HasFirstBoard { get; } = predecessor != Second;

    private readonly string _predecessor = ProgramFixture.Predecessor(predecessor);

    [SetUp]
    public void RequirePredecessor() => ProgramFixture.Require("TESTS OF TWO VERSIONS", _predecessor);

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
        Program = _predecessor;
        var generation = await start();
        Program = ProgramFixture.Program;
        Assert.That(new FileInfo($"/proc/{generation.Process.Pid}/exe").LinkTarget, Is.EqualTo(_predecessor));
        return generation;
    }
}
