namespace Vmm.CommandLine;

/// <summary>-mon: [chardev=]ID[,mode=readline|control][,pretty=on].</summary>
internal static class MonitorOption
{
    /// <summary>Reads a monitor.</summary>
    internal static MonitorConfiguration Read(OptionList options)
    {
        var chardev = options.TakeText("chardev") ?? throw new CommandLineException("Parameter 'chardev' is missing");
        var mode = options.Take("mode") switch
        {
            null or "readline" => MonitorMode.Readline,
            "control" => MonitorMode.Control,
            var other => throw new CommandLineException($"Parameter 'mode' does not accept value '{other}': expected readline or control"),
        };
        var pretty = options.TakeSwitch("pretty") ?? false;
        _ = options.TakeId();
        options.Finish();
        return pretty && mode == MonitorMode.Readline
            ? throw new CommandLineException("'pretty' is not compatible with HMP monitors: expected mode=control")
            : new MonitorConfiguration(chardev, mode, pretty);
    }
}
