using Vmm.Core.Machines;

namespace Vmm.Tests.Unit.Machines;

/// <summary>The account of an update names what was slow to quiesce.</summary>
[Parallelizable(ParallelScope.All)]
public sealed class QuiesceAccountTests
{
    [Test]
    public void What_took_longer_than_100_microseconds_is_named_with_its_time()
    {
        const ulong Nanoseconds = 250_000;
        var account = new QuiesceAccount();
        ulong end = Instant.Now + Nanoseconds;
        while (Instant.Now < end)
        {
            // It is being quiesced.
        }

        account.Note("rng0", static name => name);

        Assert.That(account.Slow, Has.Count.EqualTo(1));
        Assert.That(account.Slow[0].Name, Is.EqualTo("rng0"));
        Assert.That(account.Slow[0].Microseconds, Is.GreaterThanOrEqualTo(Nanoseconds / 1000));
    }
}
