using Vmm.Lab.Drivers;
using Vmm.Lab.Hosts;

namespace Vmm.Tests.Lab;

[Parallelizable(ParallelScope.All)]
public sealed class GuestStoryTests
{
    [Test]
    public void A_reset_is_described_with_the_steps_before_and_after_it()
    {
        var story = new GuestStory();
        story.Add(0, "booted");
        story.Add(12, "update 1 requested");
        story.Add(15, "update 1 is over");
        story.Add(28, "update 2 requested");

        var description = story.Describe([.. Pulse(0, 20), Line("guest: up"), .. Pulse(0, 10)]).Split('\n');

        Assert.That(description[0], Is.EqualTo("reset after tick 19, 5 ticks after the step 'update 1 is over'"));
        Assert.That(description, Is.EqualTo((string[])
        [
            description[0],
            "    -- booted",
            .. Pulse(0, 12).Select(line => line.Text),
            "    -- update 1 requested",
            .. Pulse(12, 3).Select(line => line.Text),
            "    -- update 1 is over",
            .. Pulse(15, 5).Select(line => line.Text),
            "    -- THE GUEST BEGINS ANEW",
            "guest: up",
            .. Pulse(0, 4).Select(line => line.Text),
        ]));
    }

    [Test]
    public void A_guest_that_went_silent_is_described_by_its_last_lines_and_steps()
    {
        var story = new GuestStory();
        story.Add(0, "booted");
        story.Add(100, "update 7 requested");

        var description = story.Describe(Pulse(0, 100)).Split('\n');

        Assert.That(description, Is.EqualTo((string[])
        [
            "not reset, as far as its ticks tell", .. Pulse(70, 30).Select(line => line.Text), "    -- update 7 requested",
        ]));
    }

    [Test]
    public void A_reboot_that_was_requested_is_no_reset()
    {
        var story = new GuestStory();
        story.Add(0, "booted");
        story.Clear();
        story.Add(20, "rebooted");

        Assert.That(story.Describe([.. Pulse(0, 20), .. Pulse(0, 10)]), Does.StartWith("not reset"));
    }

    private static ConsoleLine[] Pulse(int from, int count) =>
        [.. Enumerable.Range(from, count).Select(n => Line($"tick {n} {n} 0 1"))];

    private static ConsoleLine Line(string text) => new(0, text, default(HostTime));
}
