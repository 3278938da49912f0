namespace Vmm.Core.Devices;

/// <summary>A device that has the machine's power button.</summary>
public interface IPowerButton
{
    /// <summary>The user pressed it: the guest is notified, if it listens. Any thread.</summary>
    void Press();
}
