// An error of the product is an answer to an operator or a refusal of the host. Code that reports errors asks for these two and for no list of
// types, so a type that is neither would be reported as a defect.

using System.Reflection;
using Vmm.Core.Errors;

namespace Vmm.Tests.Unit.House;

[Parallelizable(ParallelScope.All)]
public sealed class ErrorTypesTests
{
    private static readonly Assembly[] Product =
    [
        typeof(VmmException).Assembly, typeof(Vmm.Kvm.KvmHypervisor).Assembly, typeof(Vmm.Migration.Migrator).Assembly,
        typeof(Vmm.Qmp.Schema.QmpException).Assembly, typeof(Vmm.Hosting.VmmHost).Assembly,
    ];

    [Test]
    public void Every_error_is_an_answer_to_an_operator_or_a_refusal_of_the_host()
    {
        Type[] errors = [.. Product.SelectMany(assembly => assembly.GetTypes()).Where(type => type.IsSubclassOf(typeof(Exception)))];

        Assert.That(errors, Has.Length.GreaterThan(10));
        Assert.That(errors.Where(type => !typeof(VmmException).IsAssignableFrom(type) && !type.IsSubclassOf(typeof(IOException))), Is.Empty);
    }
}
