using Vmm.Core.Machines;
using Vmm.Core.Native;

namespace Vmm.Tests.Unit.Machines;

[Parallelizable(ParallelScope.All)]
public sealed class DescriptorBagTests
{
    [Test]
    public void A_descriptor_is_claimed_once()
    {
        using var bag = new DescriptorBag();
        using var file = Posix.CreateEventFd();
        Assert.That(bag.TryAdd("a", file), Is.True);
        Assert.That(bag.Names, Is.EqualTo(new[] { "a" }));

        Assert.Multiple(() =>
        {
            Assert.That(bag.Claim("b"), Is.Null);
            Assert.That(bag.Claim("a"), Is.SameAs(file));
            Assert.That(bag.Claim("a"), Is.Null);
            Assert.That(bag.Names, Is.Empty);
        });
    }

    [Test]
    public void A_descriptor_that_is_not_the_wanted_one_stays_unclaimed()
    {
        using var bag = new DescriptorBag();
        var file = Posix.CreateEventFd();
        bag.TryAdd("a", file);

        Assert.Multiple(() =>
        {
            Assert.That(bag.Claim("a", _ => false), Is.Null);
            Assert.That(bag.Claim("b", _ => true), Is.Null);
            Assert.That(bag.Names, Is.EqualTo(new[] { "a" }));
            Assert.That(bag.Claim("a", handle => handle == file), Is.SameAs(file));
        });
        file.Dispose();
    }

    [Test]
    public void What_nobody_claims_is_closed_with_the_bag()
    {
        var bag = new DescriptorBag();
        using var claimed = Posix.CreateEventFd();
        var left = Posix.CreateEventFd();
        bag.TryAdd("claimed", claimed);
        bag.TryAdd("left", left);
        bag.Claim("claimed");

        bag.Dispose();

        Assert.That((left.IsClosed, claimed.IsClosed), Is.EqualTo((true, false)));
    }

    [Test]
    public void A_second_descriptor_of_a_name_is_closed_and_the_first_kept()
    {
        using var bag = new DescriptorBag();
        using var first = Posix.CreateEventFd();
        var second = Posix.CreateEventFd();
        bag.TryAdd("a", first);
        Assert.That(bag.TryAdd("a", second), Is.False);
        Assert.That(second.IsClosed, Is.True);
        Assert.That(bag.Claim("a"), Is.SameAs(first));
    }
}
