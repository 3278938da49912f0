using Vmm.Lab.Hosts;

namespace Vmm.Tests.Lab;

/// <summary>One host for all tests with Linux guests: this machine, or the lab, booted once and ended after the last of them.</summary>
[SetUpFixture]
public sealed class HostFixture
{
    /// <summary>The host; tests share it and put their files into folders of their own.</summary>
    internal static IHost Host { get; private set; } = null!;

    /// <summary>The guest beside those that are tested; booted when the first of them needs it.</summary>
    internal static Task<ControlGuest> Control => ControlBoot.Value;

    private static readonly Lazy<Task<ControlGuest>> ControlBoot = new(() => ControlGuest.BootAsync(Host));

    [OneTimeSetUp]
    public async Task Boot() => Host = await HostSelector.SelectAsync(TestContext.Progress.WriteLine);

    [OneTimeTearDown]
    public async Task End()
    {
        if (ControlBoot.IsValueCreated && ControlBoot.Value.IsCompletedSuccessfully)
        {
            await (await ControlBoot.Value).DisposeAsync();
        }

        if (Host is not null)
        {
            await Host.DisposeAsync();
        }
    }
}
