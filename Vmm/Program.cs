using Vmm.CommandLine;
using Vmm.Hosting;

try
{
    StandardDescriptors.Fill();
    ProcessSignals.Prepare();
    var configuration = CommandLineParser.Parse(args);
    switch (configuration.Action)
    {
        case ProgramAction.ShowHelp:
            Console.Out.Write(CommandLineHelp.Text);
            return 0;
        case ProgramAction.ShowText:
            Console.Out.Write(configuration.Text);
            return 0;
        case ProgramAction.ShowVersion:
            Console.Out.WriteLine($"vmm version {typeof(VmmHost).Assembly.GetName().Version?.ToString(3)}");
            return 0;
        default:
            return VmmHost.Run(configuration);
    }
}
catch (Exception e)
{
    StartUpError.Report(e);
    return 1;
}
