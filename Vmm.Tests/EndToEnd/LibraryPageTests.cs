using System.Diagnostics;
using Vmm.Tests.EndToEnd.Driving;
using Vmm.Tests.Unit.House;

namespace Vmm.Tests.EndToEnd;

/// <summary>The program of docs/library.md, built against the packed libraries and nothing else of this checkout, and run.</summary>
[Parallelizable(ParallelScope.Self)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class LibraryPageTests : EndToEndTest
{
    private static readonly TimeSpan BuildLimit = TimeSpan.FromMinutes(5);

    private static readonly string Configuration =
        new DirectoryInfo(AppContext.BaseDirectory).Parent!.Name; // bin/CONFIGURATION/net10.0

    [Test]
    public async Task It_boots_and_live_updates_a_machine_in_process()
    {
        foreach (string library in (string[])["Vmm.Core", "Vmm.Kvm", "Vmm.Migration"])
        {
            await RunAsync(
                Checkout.Root, "dotnet", "pack", Path.Combine(Checkout.Root, library), "--no-build", "-c", Configuration, "-v", "quiet", "-o", InFolder("packages"));
        }

        Directory.CreateDirectory(InFolder("program"));
        await File.WriteAllTextAsync(InFolder("program/program.csproj"), Project());
        await File.WriteAllTextAsync(InFolder("program/Program.cs"), Program());
        await RunAsync(InFolder("program"), "dotnet", "build", "-v", "quiet", "-o", InFolder("built"));

        string printed = await RunAsync(Folder, "dotnet", InFolder("built/program.dll"), Host.TinyGuest("ticker"), Folder);

        Assert.That(printed, Is.EqualTo("the update: Completed\nfirst: Postmigrate, second: Running\n"));
        Assert.That(
            File.ReadAllLines(InFolder("output")).SkipLast(1).Select(int.Parse),
            Is.EqualTo(Enumerable.Range(1, File.ReadAllLines(InFolder("output")).Length - 1)),
            "the guest counts on");
    }

    /// <summary>The packages of this build, and those that are here already for the libraries' own needs.</summary>
    private string Project() => $"""
        <Project Sdk="Microsoft.NET.Sdk">
          <PropertyGroup>
            <OutputType>Exe</OutputType>
            <TargetFramework>net10.0</TargetFramework>
            <Nullable>enable</Nullable>
            <ImplicitUsings>enable</ImplicitUsings>
            <InvariantGlobalization>true</InvariantGlobalization>
            <RestoreSources>{InFolder("packages")}</RestoreSources>
            <RestorePackagesPath>{InFolder("restored")}</RestorePackagesPath>
            <RestoreFallbackFolders>{GlobalPackages()}</RestoreFallbackFolders>
          </PropertyGroup>
          <ItemGroup>
            <PackageReference Include="Vmm.Kvm" Version="*" />
            <PackageReference Include="Vmm.Migration" Version="*" />
          </ItemGroup>
        </Project>
        """;

    private static string Program()
    {
        string page = File.ReadAllText(Path.Combine(Checkout.Root, "docs", "library.md"));
        const string Begin = "```csharp\n";
        int begin = page.IndexOf(Begin, StringComparison.Ordinal) + Begin.Length;
        return page[begin..page.IndexOf("```", begin, StringComparison.Ordinal)];
    }

    private static string GlobalPackages() => Environment.GetEnvironmentVariable("NUGET_PACKAGES")
        ?? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".nuget", "packages");

    /// <summary>Runs a program to its end and returns what it printed; it is killed if it takes too long.</summary>
    private static async Task<string> RunAsync(string folder, string program, params string[] arguments)
    {
        using var limit = new CancellationTokenSource(BuildLimit);
        using var process = Process.Start(new ProcessStartInfo(program, arguments)
        {
            WorkingDirectory = folder,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        try
        {
            var errors = process.StandardError.ReadToEndAsync(limit.Token);
            string printed = await process.StandardOutput.ReadToEndAsync(limit.Token);
            await process.WaitForExitAsync(limit.Token);
            Assert.That(process.ExitCode, Is.Zero, $"{program} {string.Join(' ', arguments)}\n{printed}\n{await errors}");
            return printed;
        }
        finally
        {
            if (!process.HasExited)
            {
                process.Kill(entireProcessTree: true);
            }
        }
    }
}
