using Microsoft.Win32.SafeHandles;
using Vmm.Core.Descriptors;
using Vmm.Core.Native;

namespace Vmm.Tests.Unit.Descriptors;

/// <summary>The way of one descriptor from the old process to the new one, whatever it belongs to.</summary>
[Parallelizable(ParallelScope.All)]
public sealed class DescriptorSlotTests
{
    private const string Name = "test/slot";

    [Test]
    public void What_is_in_use_is_exported_under_the_name_and_stays_its_owners()
    {
        using var file = EventFd.Create();
        var slot = Slot();

        Assert.That(slot.Export(file), Is.EqualTo(new[] { new HandoverDescriptor(Name, file) }));
        Assert.That(slot.Export(null), Is.Empty);
        slot.Drop();
        Assert.That(file.IsClosed, Is.False);
    }

    [Test]
    public void What_came_under_the_name_waits_until_it_is_taken()
    {
        using var file = EventFd.Create();
        using var handedOver = HandedOver.With((Name, file));
        var slot = Slot();

        Assert.That(slot.Prepare(handedOver), Is.True);

        Assert.That((slot.Received, handedOver.Names.Count), Is.EqualTo((file, 0)));
        Assert.That(slot.Take(), Is.SameAs(file));
        Assert.That(slot.Take(), Is.Null);
        slot.Drop();
        Assert.That(file.IsClosed, Is.False, "it is the owner's who took it");
    }

    [Test]
    public void What_is_not_taken_is_closed()
    {
        var file = EventFd.Create();
        using var handedOver = HandedOver.With((Name, file));
        var slot = Slot();
        slot.Prepare(handedOver);

        slot.Drop();

        Assert.That((slot.Received, file.IsClosed), Is.EqualTo(((SafeFileHandle?)null, true)));
    }

    [Test]
    public void What_is_unfit_is_closed_and_refused_by_its_name()
    {
        var file = EventFd.Create();
        using var handedOver = HandedOver.With((Name, file));
        var slot = Slot("an orange expected, it is an apple");

        var refused = Assert.Throws<UnfitDescriptorException>(() => slot.Prepare(handedOver));

        Assert.That(refused!.Message, Is.EqualTo($"{Name}: an orange expected, it is an apple"));
        Assert.That((slot.Received, file.IsClosed), Is.EqualTo(((SafeFileHandle?)null, true)));
    }

    [Test]
    public void What_this_process_has_no_use_for_stays_unclaimed()
    {
        using var file = EventFd.Create();
        using var handedOver = HandedOver.With((Name, file));
        var slot = Slot("it is not even looked at");

        Assert.That(slot.Prepare(handedOver, isWanted: _ => false), Is.False);

        Assert.That((slot.Received, handedOver.Names.Single()), Is.EqualTo(((SafeFileHandle?)null, Name)));
    }

    [Test]
    public void A_second_attempt_closes_what_the_first_left()
    {
        var first = EventFd.Create();
        using var handedOver = HandedOver.With((Name, first));
        var slot = Slot();
        slot.Prepare(handedOver);

        Assert.That(slot.Claim(handedOver), Is.Null, "none came this time");

        Assert.That(first.IsClosed, Is.True);
    }

    private static DescriptorSlot Slot(string? unfit = null) => new(Name, _ => unfit);
}
