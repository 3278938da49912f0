namespace Vmm.CommandLine;

/// <summary>-accel and -machine accel=: a list of accelerators of which the first that works is taken; here that is kvm.</summary>
internal static class AccelOption
{
    /// <summary>The accelerator that there is.</summary>
    internal const string Only = "kvm";

    /// <summary>Reads [accel=]NAME[,kernel-irqchip=on].</summary>
    /// <returns>The accelerator's name.</returns>
    internal static string Read(OptionList options)
    {
        var name = options.TakeRequired("accel");
        if (options.TakeSwitch("kernel-irqchip") == false)
        {
            throw new CommandLineException("kernel-irqchip=off is not supported: expected on");
        }

        options.Finish();
        return name;
    }

    /// <summary>Refuses a list without kvm.</summary>
    internal static void Check(IReadOnlyCollection<string> names)
    {
        if (!names.Contains(Only))
        {
            throw new CommandLineException($"invalid accelerator {string.Join(':', names)}: expected {Only}");
        }
    }
}
