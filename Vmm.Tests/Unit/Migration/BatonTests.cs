using Vmm.Core.Native;
using Vmm.Migration.Handover;

namespace Vmm.Tests.Unit.Migration;

[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class BatonTests : IDisposable
{
    private readonly Baton _old = Baton.Create();
    private readonly Baton _new;

    public BatonTests() => _new = Open(_old.Attempt);

    public void Dispose()
    {
        _old.Dispose();
        _new.Dispose();
    }

    [Test]
    public void What_old_holds_cannot_be_taken()
    {
        Assert.That(_new.Take(), Is.False);
        Assert.That(_old.IsHeldByNew, Is.False);
        Assert.That(_old.Offer(), Is.True, "a vain take changes nothing");
    }

    [Test]
    public void What_is_offered_is_taken_once()
    {
        _old.Offer();
        Assert.Multiple(() =>
        {
            Assert.That(_new.Take(), Is.True);
            Assert.That(_new.Take(), Is.False);
            Assert.That(_old.IsHeldByNew, Is.True);
            Assert.That(_new.IsHeldByNew, Is.True);
        });
    }

    [Test]
    public void What_is_offered_can_be_taken_back()
    {
        _old.Offer();
        Assert.Multiple(() =>
        {
            Assert.That(_old.TakeBack(), Is.True);
            Assert.That(_new.Take(), Is.False);
            Assert.That(_old.IsHeldByNew, Is.False);
        });
    }

    [Test]
    public void What_was_never_offered_can_be_retired()
    {
        Assert.Multiple(() =>
        {
            Assert.That(_old.TakeBack(), Is.True);
            Assert.That(_old.Offer(), Is.False);
            Assert.That(_new.Take(), Is.False);
        });
    }

    [Test]
    public void What_is_retired_stays_retired()
    {
        _old.Offer();
        _old.TakeBack();
        Assert.Multiple(() =>
        {
            Assert.That(_old.TakeBack(), Is.True, "old may ask again");
            Assert.That(_old.Offer(), Is.False);
            Assert.That(_new.Take(), Is.False);
        });
    }

    [Test]
    [Promise(1)]
    public void What_is_taken_cannot_be_taken_back()
    {
        _old.Offer();
        _new.Take();
        Assert.Multiple(() =>
        {
            Assert.That(_old.TakeBack(), Is.False);
            Assert.That(_old.TakeBack(), Is.False);
            Assert.That(_old.Offer(), Is.False);
            Assert.That(_old.IsHeldByNew, Is.True);
        });
    }

    [Test]
    public void What_is_offered_cannot_be_offered_again()
    {
        _old.Offer();
        Assert.That(_old.Offer(), Is.False);
    }

    [Test]
    public void Another_attempts_number_takes_nothing()
    {
        using var stranger = Open(_old.Attempt ^ 1);
        _old.Offer();
        Assert.Multiple(() =>
        {
            Assert.That(stranger.Take(), Is.False);
            Assert.That(_old.TakeBack(), Is.True);
        });
    }

    [Test]
    public void Each_attempt_has_a_number_of_its_own()
    {
        using var other = Baton.Create();
        Assert.Multiple(() =>
        {
            Assert.That(other.Attempt, Is.Not.EqualTo(_old.Attempt));
            Assert.That(other.Attempt, Is.Not.Zero);
            Assert.That(other.Attempt >> 56, Is.Zero);
        });
    }

    [Test]
    public void A_file_that_could_shrink_is_no_baton() =>
        Assert.That(() => Baton.Open(Memfd.Create("loose", Environment.SystemPageSize), 1), Throws.InstanceOf<IOException>());

    [Test]
    public void A_file_of_another_size_is_no_baton()
    {
        var file = Memfd.Create("long", 2 * Environment.SystemPageSize);
        Memfd.SealSize(file);
        Assert.That(() => Baton.Open(file, 1), Throws.InstanceOf<IOException>());
        Assert.That(file.IsClosed, Is.True);
    }

    [Test]
    [Promise(1)]
    public void Of_a_take_and_a_take_back_at_the_same_time_exactly_one_wins()
    {
        const int Rounds = 2000;
        int taken = 0;
        using var start = new Barrier(2);
        for (int i = 0; i < Rounds; i++)
        {
            using var old = Baton.Create();
            using var next = Baton.Open(FileDescriptor.Duplicate(old.File), old.Attempt);
            old.Offer();
            bool took = false;
            var other = Task.Run(() =>
            {
                start.SignalAndWait();
                took = next.Take();
            });
            start.SignalAndWait();
            bool back = old.TakeBack();
            other.Wait();
            Assert.That(took, Is.Not.EqualTo(back), $"round {i}: taken {took}, taken back {back}");
            Assert.That(old.IsHeldByNew, Is.EqualTo(took));
            taken += took ? 1 : 0;
        }

        TestContext.Out.WriteLine($"taken {taken} of {Rounds}");
    }

    private Baton Open(ulong attempt) => Baton.Open(FileDescriptor.Duplicate(_old.File), attempt);
}
