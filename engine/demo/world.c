/* world.c - the tables, and the two things about them that depend on time. */
#include "engine/demo/world.h"

#include <math.h>

#define TWO_PI 6.283185307179586

const char *const world_dimensions[WORLD_DIMENSIONS] = {"relevance", "tone"};

const struct world_app world_apps[WORLD_APPS] = {
    {.name = "storefront",
     .version = "5.12.0",
     .feature = "shopping-assistant",
     .prompt_name = "storefront-system",
     .provider = {"openai", "openai"},
     .model = {"gpt-4o-mini", "gpt-4.1-nano"},
     .second_model = 0.2,
     .share = 0.45,
     .busiest_hour = 13,
     .swing = 0.7,
     .weekend = 1.1},
    {.name = "support-desk",
     .version = "2.3.1",
     .feature = "case-handling",
     .prompt_name = "support-agent",
     .provider = {"anthropic", "openai"},
     .model = {"claude-haiku-4-5", "gpt-4o-mini"},
     .second_model = 0.3,
     .share = 0.30,
     .busiest_hour = 11,
     .swing = 0.8,
     .weekend = 0.5},
    {.name = "research-copilot",
     .version = "0.9.4",
     .feature = "literature",
     .prompt_name = "copilot",
     .provider = {"anthropic", "aws.bedrock"},
     .model = {"claude-sonnet-4-5", "llama-3.3-70b"},
     .second_model = 0.15,
     .agentic = true,
     .share = 0.25,
     .busiest_hour = 15,
     .swing = 0.8,
     .weekend = 0.35},
};

enum { STOREFRONT, SUPPORT_DESK, RESEARCH_COPILOT };

const struct world_intent world_intents[WORLD_INTENTS] = {
    {
        .name = "product_search",
        .app = STOREFRONT,
        .share = 0.35,
        .json = true,
        .failure_rate = 0.005,
        .score = {4.25, 4.40},
        .question = "Do you have linen shirts under ## euros, size ##?",
        .answer = "{\"items\":[{\"sku\":\"A-####\",\"title\":\"linen shirt, "
                  "sand\",\"price\":#9.90},{\"sku\":\"A-####\",\"title\":\"linen shirt, "
                  "white\",\"price\":#4.50}],\"confidence\":0.9#}",
        .prose = "Yes: the linen shirt in sand (A-####) is #9.90 euros, and there is a white one "
                 "(A-####) for #4.50 euros.",
    },
    {
        .name = "order_status",
        .app = STOREFRONT,
        .share = 0.25,
        .json = true,
        .failure_rate = 0.005,
        .score = {4.45, 4.35},
        .question = "Where is my parcel? Order ######.",
        .answer = "{\"order\":\"######\",\"status\":\"in "
                  "transit\",\"carrier_reference\":\"R-####\",\"days_left\":#}",
        .prose = "Order ###### is in transit, reference R-####, and should be with you in # days.",
    },
    {
        .name = "recommendation",
        .app = STOREFRONT,
        .share = 0.20,
        .json = true,
        .failure_rate = 0.006,
        .score = {4.05, 4.30},
        .question = "What would go with the shirt A-####?",
        .answer = "{\"recommendations\":[{\"sku\":\"B-####\",\"why\":\"same linen, same colour "
                  "family\"},{\"sku\":\"C-####\",\"why\":\"often bought together\"}]}",
        .prose = "I would look at B-####, it is the same linen, or at C-####, which others bought "
                 "with it.",
    },
    {
        .name = "small_talk",
        .app = STOREFRONT,
        .share = 0.20,
        .score = {4.30, 4.60},
        .question = "Hi! Are you open today?",
        .answer = "Hello! The shop is open round the clock, and I am glad to help with anything "
                  "you are looking for.",
    },
    {
        .name = "troubleshooting",
        .app = SUPPORT_DESK,
        .share = 0.40,
        .score = {4.20, 4.35},
        .question = "My router RX-### shows error ## after the update.",
        .answer = "Error ## means that the update did not finish. Hold the reset button of the "
                  "RX-### for # seconds, wait until the light is green, then start the update "
                  "again from the settings page. If it comes back, we replace the device.",
    },
    {
        .name = "refund_request",
        .app = SUPPORT_DESK,
        .share = 0.25,
        .score = {4.10, 4.45},
        .question = "I want my money back for case ######.",
        .answer = "I am sorry about the trouble with case ######. I have asked for the refund of "
                  "##.90 euros; it takes # working days.",
    },
    {
        .name = "account_change",
        .app = SUPPORT_DESK,
        .share = 0.20,
        .json = true,
        .failure_rate = 0.006,
        .score = {4.35, 4.40},
        .question = "Please change the address on account ######.",
        .answer = "{\"action\":\"change_address\",\"account\":\"######\",\"needs_confirmation\":"
                  "true,\"ticket\":\"T-####\"}",
        .prose = "The address of account ###### can be changed once you confirm it; the ticket is "
                 "T-####.",
    },
    {
        .name = "escalation_summary",
        .app = SUPPORT_DESK,
        .share = 0.15,
        .json = true,
        .failure_rate = 0.006,
        .score = {4.15, 4.20},
        .question = "Summarise case ###### for second level.",
        .answer = "{\"case\":\"######\",\"severity\":#,\"summary\":\"Customer reports repeated "
                  "failures after an update.\",\"next_step\":\"replace device\"}",
        .prose = "Case ######: repeated failures after an update, severity #; the next step is to "
                 "replace the device.",
    },
    {
        .name = "literature_search",
        .app = RESEARCH_COPILOT,
        .share = 0.40,
        .json = true,
        .failure_rate = 0.006,
        .score = {4.20, 4.30},
        .question = "Find trials of drug X-### since 20##.",
        .answer = "{\"hits\":[{\"id\":\"PM#######\",\"year\":20##},{\"id\":\"PM#######\",\"year\":"
                  "20##}],\"total\":##}",
        .prose = "There are ## trials, the most relevant are PM####### and PM#######.",
    },
    {
        .name = "summarise",
        .app = RESEARCH_COPILOT,
        .share = 0.25,
        .score = {4.25, 4.25},
        .question = "Summarise PM####### for a lay reader.",
        .answer = "The study followed ### patients for # years. Those who took the drug had fewer "
                  "relapses; the difference was small and the authors ask for a longer trial.",
    },
    {
        .name = "compare_sources",
        .app = RESEARCH_COPILOT,
        .share = 0.20,
        .score = {4.00, 4.20},
        .question = "Do PM####### and PM####### agree?",
        .answer = "They agree on the direction but not on the size of the effect: the first "
                  "reports ## %, the second about half of that, in an older population.",
    },
    {
        .name = "draft_report",
        .app = RESEARCH_COPILOT,
        .share = 0.15,
        .score = {4.10, 4.35},
        .question = "Draft the methods section for study ###.",
        .answer = "Participants were recruited at # centres between 20## and 20##. The primary "
                  "outcome was assessed blind; analyses followed a plan registered in advance.",
    },
};

static double hour_shape(const struct world_app *app, int64_t at_ms)
{
    double hour = (double)(at_ms % WORLD_DAY_MS) / (double)WORLD_HOUR_MS;
    return 1.0 + app->swing * cos(TWO_PI * (hour - app->busiest_hour) / 24.0);
}

double world_rhythm(uint32_t number, int64_t at_ms)
{
    const struct world_app *app = &world_apps[number];
    int64_t weekday = (at_ms / WORLD_DAY_MS + 4) % 7; /* 1970 began on a Thursday; 0 is Sunday */
    double day = weekday == 0 || weekday == 6 ? app->weekend : 1.0;
    return hour_shape(app, at_ms) * day / ((5.0 + 2.0 * app->weekend) / 7.0);
}

/* Prompts are released now and then without anything going wrong: over six hours the new version takes
 * over from the one before. */
static const struct release {
    uint32_t app;
    double day;
    const char *version;
} releases[] = {
    {STOREFRONT, 0, "v11"},         {SUPPORT_DESK, 0, "2026-08"},    {RESEARCH_COPILOT, 0, "r7"},
    {SUPPORT_DESK, 6.4, "2026-09"}, {RESEARCH_COPILOT, 9.6, "r8"},   {STOREFRONT, 11.5, "v12"},
    {RESEARCH_COPILOT, 24.4, "r9"}, {SUPPORT_DESK, 27.3, "2026-10"},
};
#define RELEASE_HOURS 6.0

const char *world_prompt(uint32_t app, int64_t since_start_ms, double u)
{
    const char *version = "";
    double day = (double)since_start_ms / (double)WORLD_DAY_MS;
    for (uint32_t i = 0; i < sizeof releases / sizeof releases[0]; i++) {
        const struct release *release = &releases[i];
        if (release->app != app)
            continue;
        double rolled_out = release->day > 0 ? (day - release->day) * 24.0 / RELEASE_HOURS : 1.0;
        if (u < rolled_out)
            version = release->version;
    }
    return version;
}
