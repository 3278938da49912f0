using Vmm.Core.Descriptors;
using Vmm.Core.Native;

namespace Vmm.Tests.Unit.Descriptors;

[Parallelizable(ParallelScope.All)]
public sealed class HandedOverDescriptorsTests
{
    [Test]
    public void A_descriptor_is_claimed_once()
    {
        using var handedOver = new HandedOverDescriptors();
        using var file = EventFd.Create();
        Assert.That(handedOver.TryAdd("a", file), Is.True);
        Assert.That(handedOver.Names, Is.EqualTo(new[] { "a" }));

        Assert.Multiple(() =>
        {
            Assert.That(handedOver.Claim("b"), Is.Null);
            Assert.That(handedOver.Claim("a"), Is.SameAs(file));
            Assert.That(handedOver.Claim("a"), Is.Null);
            Assert.That(handedOver.Names, Is.Empty);
        });
    }

    [Test]
    public void A_descriptor_that_is_not_the_wanted_one_stays_unclaimed()
    {
        using var handedOver = new HandedOverDescriptors();
        var file = EventFd.Create();
        handedOver.TryAdd("a", file);

        Assert.Multiple(() =>
        {
            Assert.That(handedOver.Claim("a", _ => false), Is.Null);
            Assert.That(handedOver.Claim("b", _ => true), Is.Null);
            Assert.That(handedOver.Names, Is.EqualTo(new[] { "a" }));
            Assert.That(handedOver.Claim("a", handle => handle == file), Is.SameAs(file));
        });
        file.Dispose();
    }

    [Test]
    public void What_is_not_claimed_is_closed_with_the_set()
    {
        var handedOver = new HandedOverDescriptors();
        using var claimed = EventFd.Create();
        var left = EventFd.Create();
        handedOver.TryAdd("claimed", claimed);
        handedOver.TryAdd("left", left);
        handedOver.Claim("claimed");

        handedOver.Dispose();

        Assert.That((left.IsClosed, claimed.IsClosed), Is.EqualTo((true, false)));
    }

    [Test]
    public void A_second_descriptor_of_a_name_is_closed_and_the_first_kept()
    {
        using var handedOver = new HandedOverDescriptors();
        using var first = EventFd.Create();
        var second = EventFd.Create();
        handedOver.TryAdd("a", first);
        Assert.That(handedOver.TryAdd("a", second), Is.False);
        Assert.That(second.IsClosed, Is.True);
        Assert.That(handedOver.Claim("a"), Is.SameAs(first));
    }
}
