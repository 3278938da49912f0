using Vmm.CommandLine;
using Vmm.Core.Native;
using Vmm.Hosting;
using Vmm.Migration.Exec;

ExecStart? exec = null;
try
{
    StandardDescriptors.Fill();
    exec = ExecStart.FromEnvironment();
    ProcessSignals.Prepare(keepsMask: exec?.HasReplaced == true);
    var configuration = CommandLineParser.Parse(args) with { Exec = exec };
    if (configuration.Daemonize && exec is null)
    {
        configuration = configuration with { Ready = BackgroundProgram.FromEnvironment() };
    }

    switch (configuration.Action)
    {
        case not ProgramAction.Run when exec is not null:
            throw new CommandLineException("the command line asks for a text, and a guest waits: expected one that runs a machine");
        case ProgramAction.ShowHelp:
            Console.Out.Write(CommandLineHelp.Text);
            return 0;
        case ProgramAction.ShowText:
            Console.Out.Write(configuration.Text);
            return 0;
        case ProgramAction.ShowVersion:
            Console.Out.WriteLine($"vmm version {typeof(VmmHost).Assembly.GetName().Version?.ToString(3)}");
            return 0;
        case ProgramAction.Run when configuration.Daemonize && exec is null && configuration.Ready is null:
            return BackgroundProgram.Start();
        default:
            return VmmHost.Run(configuration);
    }
}
catch (Exception e)
{
    if (exec?.GoBack(StartUpError.Explain(e)) is { } closed)
    {
        StandardStream.WriteError($"vmm: the way back to the program before is closed: {closed}");
    }

    StartUpError.Report(e);
    return 1;
}
