using System.Diagnostics;

namespace Vmm.Tests.Unit.Acpi;

/// <summary>What ACPICA, whose interpreter Linux uses, reads in the tables. Needs iasl of Debian's acpica-tools.</summary>
[Parallelizable(ParallelScope.All)]
public sealed class DisassemblyTests
{
    [Test]
    public async Task The_dsdt_says_what_it_means_to_say()
    {
        string text = await Disassemble("DSDT", cpus: 64);

        Assert.Multiple(() =>
        {
            Assert.That(text, Does.Match(@"Name \(_HID, EisaId \(""PNP0501""\)[^}]*_UID, One\)[^}]*IO \(Decode16,\s+0x03F8,[^}]*IRQNoFlags \(\)\s*\{4\}"));
            Assert.That(text, Does.Match(@"Device \(COM2\)\s*\{[^}]*IO \(Decode16,\s+0x02F8,[^}]*IRQNoFlags \(\)\s*\{3\}"));
            Assert.That(text, Does.Match(@"Device \(RTC\)\s*\{\s*Name \(_HID, EisaId \(""PNP0B00"""));
            Assert.That(text, Does.Match(@"Device \(PWRB\)\s*\{\s*Name \(_HID, EisaId \(""PNP0C0C"""));
            Assert.That(text, Does.Match(@"Name \(\\?_S5, Package \(0x04\)[^}]*0x05,\s*0x05,\s*Zero,\s*Zero"));
            Assert.That(text, Does.Match(@"Device \(C03F\)\s*\{\s*Name \(_HID, ""ACPI0007""[^}]*Name \(_UID, 0x3F\)"));
            Assert.That(text, Does.Match(
                @"Device \(VR23\)\s*\{\s*Name \(_HID, ""LNRO0005""[^}]*Name \(_UID, 0x17\)[^}]*Name \(_CCA, One\)[^}]*"
                + @"Memory32Fixed \(ReadWrite,\s+0xFEB02E00,[^}]*0x00000200,[^}]*Interrupt \(ResourceConsumer, Edge, ActiveHigh, Exclusive,[^}]*\{\s*0x0000002F"));
            Assert.That(text, Does.Not.Contain("PNP0303"), "there is no keyboard");
        });
    }

    [TestCase("FACP")]
    [TestCase("APIC")]
    public async Task A_table_is_read_without_complaint(string signature)
    {
        string text = await Disassemble(signature, cpus: 4);

        Assert.That(text, Does.Not.Contain("Invalid").And.Not.Contain("Unknown").And.Not.Contain("**"));
    }

    [Test]
    public async Task What_was_disassembled_compiles_again_without_a_warning()
    {
        var folder = Directory.CreateTempSubdirectory("vmm-acpi-");
        try
        {
            string source = Path.Combine(folder.FullName, "dsdt.dsl");
            await File.WriteAllTextAsync(source, await Disassemble("DSDT", cpus: 4));

            string output = await Iasl(folder.FullName, source);

            Assert.That(output, Does.Contain("0 Errors, 0 Warnings"));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static async Task<string> Disassemble(string signature, int cpus)
    {
        var folder = Directory.CreateTempSubdirectory("vmm-acpi-");
        try
        {
            string table = Path.Combine(folder.FullName, "table.dat");
            await File.WriteAllBytesAsync(table, AcpiTablesTests.Table(Core.Acpi.AcpiTables.Create(AcpiTablesTests.Platform(cpus)), signature));
            string output = await Iasl(folder.FullName, "-d", table);
            Assert.That(output, Does.Not.Contain("Error").And.Not.Contain("Warning"));
            return await File.ReadAllTextAsync(Path.ChangeExtension(table, "dsl"));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static async Task<string> Iasl(string folder, params string[] arguments)
    {
        const string Program = "/usr/bin/iasl";
        if (!File.Exists(Program))
        {
            Assert.Ignore($"{Program} is not installed (Debian: acpica-tools): the ACPI tables are not validated by ACPICA");
        }

        var start = new ProcessStartInfo(Program, arguments) { WorkingDirectory = folder, RedirectStandardOutput = true, RedirectStandardError = true };
        using var process = Process.Start(start)!;
        var error = process.StandardError.ReadToEndAsync();
        string output = await process.StandardOutput.ReadToEndAsync() + await error;
        await process.WaitForExitAsync();
        Assert.That(process.ExitCode, Is.Zero, output);
        return output;
    }
}
