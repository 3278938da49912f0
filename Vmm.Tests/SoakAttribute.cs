namespace Vmm.Tests;

/// <summary>A case that repeats what ./test does a few times so often that only ./test soak has the time for it.</summary>
[AttributeUsage(AttributeTargets.Method, AllowMultiple = true)]
public sealed class SoakAttribute : TestCaseAttribute
{
    /// <summary>The category that ./test leaves out.</summary>
    public const string Name = "Soak";

    /// <summary>A case of a test that has others.</summary>
    /// <param name="times">How often.</param>
    public SoakAttribute(int times)
        : base(times) => Category = Name;
}
