using System.Globalization;
using Vmm.Core.Supervision;
using Vmm.Tests.Unit.Machines;

namespace Vmm.Tests.Unit.Supervision;

/// <summary>The messages to systemd, and that nothing depends on their arrival.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
[Parallelizable(ParallelScope.All)]
public sealed class SystemdNotificationTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("vmm-notify-").FullName;
    private readonly LogLines _log = new();

    private string SocketPath => Path.Combine(_folder, "notify");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Test]
    public void A_socket_at_a_path_gets_each_message_by_itself()
    {
        using var supervisor = new SupervisorSocket(SocketPath);

        SayAll(new SystemdNotification(SocketPath, _log));

        AssertAllCame(supervisor);
    }

    [Test]
    public void A_socket_with_an_abstract_name_gets_each_message_by_itself()
    {
        string name = $"@vmm-notify-{Guid.NewGuid():N}";
        using var supervisor = new SupervisorSocket(name);

        SayAll(new SystemdNotification(name, _log));

        AssertAllCame(supervisor);
    }

    [Test]
    public void A_socket_that_is_full_is_not_waited_for()
    {
        using var supervisor = new SupervisorSocket(SocketPath);
        var notification = new SystemdNotification(SocketPath, _log);

        int sent = 0;
        while (_log.Lines.Count == 0)
        {
            notification.Follow(++sent);
        }

        Assert.That(_log.Lines, Is.EqualTo(new[] { $"the supervisor at '{SocketPath}' did not get MAINPID={sent}: its queue is full" }));
        Assert.That(supervisor.Received().Count(), Is.EqualTo(sent - 1));
        notification.Ready();
        Assert.That(supervisor.Received(), Is.EqualTo(new[] { "READY=1" }));
    }

    [Test]
    public void A_socket_that_is_not_there_is_a_warning()
    {
        new SystemdNotification(SocketPath, _log).Ready();

        Assert.That(
            _log.Lines, Is.EqualTo(new[] { $"the supervisor at '{SocketPath}' did not get READY=1: send to '{SocketPath}': No such file or directory" }));
    }

    [Test]
    public void A_socket_that_no_process_has_any_more_is_a_warning()
    {
        string left = Path.Combine(_folder, "left");
        using (new SupervisorSocket(SocketPath))
        {
            File.Move(SocketPath, left);
        }

        new SystemdNotification(left, _log).Ready();

        Assert.That(_log.Lines.Single(), Does.EndWith("Connection refused"));
    }

    [TestCase("notify")]
    [TestCase("vsock:2:1234")]
    [TestCase("@")]
    public void A_name_that_is_none_of_a_socket_is_a_warning(string name)
    {
        new SystemdNotification(name, _log).Ready();

        Assert.That(_log.Lines.Single(), Does.StartWith($"the supervisor at '{name}' did not get READY=1: "));
    }

    [Test]
    public void A_path_that_is_too_long_is_a_warning()
    {
        new SystemdNotification(Path.Combine(_folder, new string('n', 200)), _log).Ready();

        Assert.That(_log.Lines.Single(), Does.Contain("1 to 107 are possible"));
    }

    [TestCase(null)]
    [TestCase("")]
    public void Without_a_socket_nothing_is_sent_and_nothing_logged(string? name)
    {
        var notification = new SystemdNotification(name, _log);

        SayAll(notification);

        Assert.That(notification.IsHeard, Is.False);
        Assert.That(_log.Lines, Is.Empty);
    }

    private static void SayAll(SystemdNotification notification)
    {
        notification.Ready();
        notification.Follow(4711);
        notification.FollowThis();
        notification.Stopping();
    }

    private void AssertAllCame(SupervisorSocket supervisor)
    {
        string own = string.Create(CultureInfo.InvariantCulture, $"MAINPID={Environment.ProcessId}");
        Assert.That(supervisor.Received(), Is.EqualTo(new[] { "READY=1", "MAINPID=4711", own, "STOPPING=1" }));
        Assert.That(_log.Lines, Is.Empty);
    }
}
