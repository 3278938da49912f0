namespace Vmm.Tests.EndToEnd.Updates;

/// <summary>The two ways to say where the cpr channel is.</summary>
public enum UpdateForm
{
    /// <summary>As in the series' first version: -cpr-uri, and the parameter cpr-uri.</summary>
    CprUri,

    /// <summary>As QEMU merged it: a channel of type cpr, on the command line and in migrate.</summary>
    Channels,
}
