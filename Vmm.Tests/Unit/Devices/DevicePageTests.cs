namespace Vmm.Tests.Unit.Devices;

[Parallelizable(ParallelScope.All)]
public sealed class DevicePageTests
{
    [Test]
    public void The_page_of_devices_is_what_the_declarations_say()
    {
        if (Environment.GetEnvironmentVariable("VMM_WRITE_PAGES") is not null)
        {
            File.WriteAllText(DevicePage.Path, DevicePage.Text());
        }

        Assert.That(File.Exists(DevicePage.Path) ? File.ReadAllText(DevicePage.Path) : "", Is.EqualTo(DevicePage.Text()), "VMM_WRITE_PAGES=1 ./test unit writes it");
    }
}
